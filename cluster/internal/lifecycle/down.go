// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/windlass-operator/windlass/cluster/internal/box"
	"github.com/windlass-operator/windlass/cluster/internal/cgroup"
	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// stopTimeout is ample: killing the box takes a fraction of a second.
const stopTimeout = 30 * time.Second

// Down removes the cluster, alive or dead. There being none is success.
func (m *Manager) Down(ctx context.Context) error {
	lock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	record, err := m.Store.Load(m.Name)
	if err != nil {
		return err
	}
	if record == nil {
		m.Log.Step("cluster %q is not up", m.Name)
		return nil
	}
	if record.BoxAlive() {
		if err := m.checkOwner(record); err != nil {
			return err
		}
	}
	if err := m.remove(record); err != nil {
		return err
	}
	m.Log.Step("cluster %q is down; its logs are in %s", m.Name, m.Store.LogDir(m.Name))
	return nil
}

// remove kills the box and with it everything in its namespaces, then removes what is not in a namespace: cgroups and
// files. It works from any point at which the cluster or its `up` may have died.
func (m *Manager) remove(record *state.Record) error {
	if err := killBox(record); err != nil {
		return err
	}
	if err := m.waitForDeath(); err != nil {
		return err
	}
	if err := cgroup.Remove(topology.Cgroup(record.Name), stopTimeout); err != nil {
		return err
	}
	if err := keepLogs(record.StateDir, m.Store.LogDir(record.Name)); err != nil {
		m.Log.Step("the logs could not be kept: %v", err)
	}
	if err := os.RemoveAll(record.StateDir); err != nil {
		return fmt.Errorf("remove the state of cluster %q: %w", record.Name, err)
	}
	return m.Store.Forget(record.Name)
}

// killBox ends the very process that the record names. The kernel lets it become a zombie only after every process of
// its PID namespace is gone.
func killBox(record *state.Record) error {
	deadline := time.Now().Add(stopTimeout)
	for record.BoxAlive() {
		if err := unix.Kill(record.BoxPID, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill the cluster's process %d: %w", record.BoxPID, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the cluster's process %d did not end within %s of SIGKILL", record.BoxPID, stopTimeout)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// waitForDeath covers a box that the record does not name: `up` died between starting and recording it, and it is about
// to end by itself.
func (m *Manager) waitForDeath() error {
	deadline := time.Now().Add(stopTimeout)
	for {
		alive, err := m.Store.Alive(m.Name)
		if err != nil || !alive {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("something still holds %s: a process of cluster %q lives that its record does not name",
				m.Store.LifeLockPath(m.Name), m.Name)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// keepLogs moves the logs of control plane and nodes to where they outlive the cluster.
func keepLogs(stateDir, target string) error {
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	if err := moveIfThere(box.LogDir(stateDir), target); err != nil {
		return err
	}
	nodes, err := os.ReadDir(filepath.Join(stateDir, "nodes"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, n := range nodes {
		if err := moveIfThere(filepath.Join(stateDir, "nodes", n.Name(), "log"), filepath.Join(target, n.Name())); err != nil {
			return err
		}
	}
	return moveIfThere(box.StatusFile(stateDir), filepath.Join(target, "status.json"))
}

func moveIfThere(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	err := os.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
