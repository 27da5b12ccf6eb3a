// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// ProfilesPort is where the programs serve profiles on their loopback, for Ask: the chart's default.
const ProfilesPort = 6060

// profileWindow is how long one profile is. A measurement that takes longer gets several.
const profileWindow = 5 * time.Second

// profile takes CPU profiles of all Pods of the release, window by window, until it is stopped. What it cannot get it
// says and leaves out: a measurement is worth more than its profile.
func (t *Trial) profile(ctx context.Context, name string) (stop func()) {
	if t.Profiles == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	for _, program := range []string{Operator, Webhook} {
		pods, err := t.Cluster.ReleasePods(ctx, program)
		if err != nil {
			fmt.Fprintf(t.Log, "  no profile of %s: %v\n", program, err)
			continue
		}
		for i := range pods {
			file := fmt.Sprintf("%s-%s-%d", name, program, i)
			wait.Go(func() { t.profilePod(ctx, pods[i].Name, file) })
		}
	}
	return func() {
		cancel()
		wait.Wait()
	}
}

func (t *Trial) profilePod(ctx context.Context, pod, name string) {
	path := fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(profileWindow.Seconds()))
	for window := 0; ctx.Err() == nil; window++ {
		// A window that has begun is read to its end, or the last one of every measurement would be lost.
		profile, err := t.Ask(context.WithoutCancel(ctx), pod, ProfilesPort, path)
		if err == nil {
			err = os.WriteFile(filepath.Join(t.Profiles, fmt.Sprintf("%s-%02d.pprof", name, window)), profile, 0o644)
		}
		if err != nil {
			fmt.Fprintf(t.Log, "  no profile of Pod %s: %v\n", pod, err)
			return
		}
	}
}
