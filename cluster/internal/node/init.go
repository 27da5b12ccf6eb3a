// SPDX-License-Identifier: Apache-2.0

package node

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/windlass-operator/windlass/cluster/internal/cgroup"
	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/supervise"
)

const containerdSocket = "/run/containerd/containerd.sock"

// ReadConfig reads what the box has written.
func ReadConfig(path string) (Config, error) {
	var c Config
	data, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	err = json.Unmarshal(data, &c)
	return c, err
}

// Run turns the calling process, the first of its PID namespace, into a node. It returns only when the node cannot be
// made; then the caller must end.
func Run(c Config) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("node-init is PID %d: it must be started by the cluster as the first process of its own namespaces", os.Getpid())
	}
	if err := cgroup.Enter(c.Cgroup() + "/system"); err != nil {
		return err
	}
	if err := setUpMounts(c); err != nil {
		return fmt.Errorf("mounts of %s: %w", c.Name(), err)
	}
	if err := syscall.Sethostname([]byte(c.Name())); err != nil {
		return err
	}
	if err := setUpNetwork(c); err != nil {
		return fmt.Errorf("network of %s: %w", c.Name(), err)
	}
	if err := c.writeConfigs(); err != nil {
		return err
	}
	runDaemons(c)
	return nil
}

// runDaemons starts the daemons and sleeps until it is told to end; the kernel then ends all other processes of the
// node.
func runDaemons(c Config) {
	supervisor := supervise.New(func(statuses []supervise.Status) {
		if data, err := json.MarshalIndent(statuses, "", "  "); err == nil {
			_ = state.WriteFile(filepath.Join(c.Dir, "status.json"), data, 0o644)
		}
	})
	go supervisor.Reap()
	supervisor.Start(c.containerd())
	waitForFile(containerdSocket, 15*time.Second) // without it the kubelet ends at once and starts again later
	supervisor.Start(c.kubelet())
	supervisor.Start(c.kubeProxy())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}

func waitForFile(path string, timeout time.Duration) {
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline) && !fileExists(path); {
		time.Sleep(20 * time.Millisecond)
	}
}
