// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/windlass-operator/windlass/cluster/internal/box"
	"github.com/windlass-operator/windlass/cluster/internal/build"
	"github.com/windlass-operator/windlass/cluster/internal/kube"
	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/supervise"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

const (
	// completeTimeout is for a slow, busy machine; a quiet one needs ten seconds.
	completeTimeout = 3 * time.Minute
	pollInterval    = 50 * time.Millisecond
	// hopeless is how many restarts of a component end the wait: it will not come up by itself.
	hopeless = 4
)

//go:embed coredns.yaml
var corednsManifest string

// waitUntilComplete follows the cluster until everything in it works.
func (m *Manager) waitUntilComplete(ctx context.Context, record *state.Record, o UpOptions) error {
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	client, err := m.client(record)
	if err != nil {
		return err
	}
	if err := m.await(ctx, record, "API server ready", func() (bool, error) { return client.Ready(ctx) == nil, nil }); err != nil {
		return err
	}
	if o.KwokNodes > 0 {
		if _, err := client.AddKwokNodes(ctx, kube.KwokPrefix, o.KwokNodes); err != nil {
			return err
		}
	}
	if o.Nodes == 0 {
		return m.awaitKwok(ctx, record, client, o)
	}
	manifest := strings.NewReplacer("IMAGE", build.CoreDNSImage, "DNS_IP", topology.DNSIP, "REAL_NODE_LABEL", topology.RealNodeLabel).
		Replace(corednsManifest)
	if err := client.Apply(ctx, []byte(manifest)); err != nil {
		return err
	}
	for number := 1; number <= o.Nodes; number++ {
		name := topology.NodeName(number)
		if err := m.await(ctx, record, name+" Ready", func() (bool, error) { return client.NodeReady(ctx, name) }); err != nil {
			return err
		}
	}
	if err := m.await(ctx, record, "CoreDNS available", func() (bool, error) {
		return client.DeploymentAvailable(ctx, "kube-system", "coredns")
	}); err != nil {
		return err
	}
	return m.awaitKwok(ctx, record, client, o)
}

// awaitKwok waits for the last of the simulated nodes.
func (m *Manager) awaitKwok(ctx context.Context, record *state.Record, client *kube.Client, o UpOptions) error {
	if o.KwokNodes == 0 {
		return nil
	}
	last := fmt.Sprintf("%s-%d", kube.KwokPrefix, o.KwokNodes)
	return m.await(ctx, record, "simulated nodes Ready", func() (bool, error) { return client.NodeReady(ctx, last) })
}

// await polls until the condition holds. It fails early when the box or a component is dead, with the end of the log
// that tells why.
func (m *Manager) await(ctx context.Context, record *state.Record, what string, done func() (bool, error)) error {
	var last error
	for {
		ok, err := done()
		if ok {
			m.Log.Step("%s", what)
			return nil
		}
		if err != nil {
			last = err
		}
		if err := checkComponents(record); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return fmt.Errorf("interrupted while waiting for %q", what)
			}
			if last == nil {
				last = ctx.Err()
			}
			return fmt.Errorf("gave up waiting for %q after %s; the logs are in %s; the last error: %w", what, completeTimeout, m.Store.LogDir(m.Name), last)
		case <-time.After(pollInterval):
		}
	}
}

// checkComponents returns an error when waiting has no point any more.
func checkComponents(record *state.Record) error {
	if !record.BoxAlive() {
		return fmt.Errorf("the cluster's process ended:\n%s", tail(filepath.Join(box.LogDir(record.StateDir), "box.log")))
	}
	for _, file := range statusFiles(record) {
		for _, s := range readStatus(file.path) {
			if s.Restarts >= hopeless && !s.Running {
				return fmt.Errorf("%s does not stay up (%s):\n%s", s.Name, s.LastExit, tail(filepath.Join(file.logs, s.Name+".log")))
			}
		}
	}
	return nil
}

// statusFile is where a supervisor reports, and where the logs of what it supervises are.
type statusFile struct {
	path, logs string
}

func statusFiles(record *state.Record) []statusFile {
	files := []statusFile{{box.StatusFile(record.StateDir), box.LogDir(record.StateDir)}}
	for number := 1; number <= record.Nodes; number++ {
		dir := box.NodeDir(record.StateDir, topology.NodeName(number))
		files = append(files, statusFile{filepath.Join(dir, "status.json"), filepath.Join(dir, "log")})
	}
	return files
}

// readStatus returns nothing while there is nothing to read.
func readStatus(path string) []supervise.Status {
	var statuses []supervise.Status
	if data, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(data, &statuses)
	}
	return statuses
}

// tail returns the last lines of a log.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
