// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/windlass-operator/windlass/bench/internal/machine"
)

const (
	// The Go runtime gives memory back in the background after a collection. It is looked at every givenBackStep, until
	// nothing has been given back for givenBackRest, for givenBackWithin at most.
	givenBackStep, givenBackRest, givenBackWithin = 500 * time.Millisecond, 4 * time.Second, 30 * time.Second
)

// CollectedRSS is the resident memory, in MiB, of each process of a program after its garbage was collected. What is
// left then is kept in the directory of profiles, if there is one, as "NAME-PROGRAM-0-heap.pprof".
func (e *Env) CollectedRSS(ctx context.Context, name, program string) ([]float64, error) {
	pods, err := e.Cluster.ReleasePods(ctx, program)
	if err != nil {
		return nil, err
	}
	for i := range pods {
		if err := e.collect(ctx, pods[i].Name, fmt.Sprintf("%s-%s-%d-heap.pprof", name, program, i)); err != nil {
			return nil, fmt.Errorf("collect the garbage of %s: %w", program, err)
		}
	}
	least, began := map[int]int64{}, time.Now()
	for fell := began; time.Since(fell) < givenBackRest && time.Since(began) < givenBackWithin; {
		processes, err := e.Processes(program)
		if err != nil {
			return nil, err
		}
		for _, p := range processes {
			if seen, ok := least[p.PID]; !ok || p.RSS < seen {
				least[p.PID], fell = p.RSS, time.Now()
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(givenBackStep):
		}
	}
	out := make([]float64, 0, len(least))
	for _, rss := range least {
		out = append(out, float64(rss)/(1<<20))
	}
	return out, nil
}

// collect has a Pod collect its garbage, and keeps what is left then.
func (e *Env) collect(ctx context.Context, pod, file string) (err error) {
	var heap []byte
	for range 2 { // what the first one finds unreachable is free after the second
		if heap, err = e.Ask(ctx, pod, ProfilesPort, "/debug/pprof/heap?gc=1"); err != nil {
			return err
		}
	}
	if e.Profiles == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(e.Profiles, file), heap, 0o644)
}

// CPUOf is what all processes of a program that are there have used, in seconds.
func CPUOf(processes []machine.Process) (seconds float64) {
	for _, p := range processes {
		seconds += p.CPU
	}
	return seconds
}
