// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/windlass-operator/windlass/cluster/internal/box"
	"github.com/windlass-operator/windlass/cluster/internal/build"
	"github.com/windlass-operator/windlass/cluster/internal/doctor"
	"github.com/windlass-operator/windlass/cluster/internal/kube"
	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// UpOptions say what the cluster should be like.
type UpOptions struct {
	// Nodes is the number of real nodes, KwokNodes of simulated ones.
	Nodes     int
	KwokNodes int
	// StateDir is for the cluster's files; empty means the default.
	StateDir string
}

// Up brings the cluster up, or finds it up. What a dead cluster of the same name left behind is removed first; when
// coming up fails or is interrupted, what there is of the new one is removed too.
func (m *Manager) Up(ctx context.Context, o UpOptions) error {
	if err := m.checkOptions(&o); err != nil {
		return err
	}
	lock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	record, err := m.Store.Load(m.Name)
	if err != nil {
		return err
	}
	if record != nil && record.BoxAlive() && record.Ready {
		return m.alreadyUp(ctx, record, o)
	}
	if record != nil {
		m.Log.Step("removing what is left of a cluster %q that is dead", m.Name)
		if err := m.remove(record); err != nil {
			return err
		}
	}
	if err := checkMachine(ctx, o); err != nil {
		return err
	}
	cache, err := build.Run(ctx, build.Options{
		Target: build.ForCluster, SourceDir: m.SourceDir, Embedded: m.Embedded, Log: m.Log,
	})
	if err != nil {
		return err
	}
	return m.create(ctx, o, cache)
}

func (m *Manager) checkOptions(o *UpOptions) error {
	if err := state.CheckName(m.Name); err != nil {
		return err
	}
	if o.Nodes < 0 || o.Nodes > topology.MaxNodes {
		return fmt.Errorf("--nodes %d: there is room for 0 to %d real nodes", o.Nodes, topology.MaxNodes)
	}
	if o.KwokNodes < 0 {
		return fmt.Errorf("--kwok %d: the number of simulated nodes cannot be negative", o.KwokNodes)
	}
	if o.StateDir == "" {
		o.StateDir = m.Store.DefaultStateDir(m.Name)
	}
	return nil
}

// checkMachine refuses real nodes where they cannot run, and says what can.
func checkMachine(ctx context.Context, o UpOptions) error {
	if o.Nodes == 0 {
		return nil
	}
	problems := doctor.Problems(ctx, o.StateDir)
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("this machine cannot run real nodes:\n  - %s\nThe control plane with simulated nodes runs without all that: cluster up --nodes 0 --kwok 3",
		strings.Join(problems, "\n  - "))
}

// alreadyUp makes sure that the cluster that is up is the one that is wanted.
func (m *Manager) alreadyUp(ctx context.Context, record *state.Record, o UpOptions) error {
	if err := m.checkOwner(record); err != nil {
		return err
	}
	if record.Nodes != o.Nodes {
		return fmt.Errorf("cluster %q is up with %d real nodes, not %d: take it down first, or ask for the same", m.Name, record.Nodes, o.Nodes)
	}
	client, err := m.client(record)
	if err != nil {
		return err
	}
	if err := client.Ready(ctx); err != nil {
		return fmt.Errorf("cluster %q is up, but its API server is not ready (%w): see `cluster status`, or take it down and up again", m.Name, err)
	}
	m.Log.Step("cluster %q is already up, owned by %s", m.Name, record.Owner)
	return nil
}

// create starts a new cluster and removes it again if it does not come up.
func (m *Manager) create(ctx context.Context, o UpOptions, cache build.Cache) (err error) {
	record := &state.Record{
		Name: m.Name, Owner: m.Owner, StateDir: o.StateDir, BinDir: cache.BinDir(), Nodes: o.Nodes, Started: time.Now(),
	}
	if _, err := os.Stat(o.StateDir); err == nil && o.StateDir != m.Store.DefaultStateDir(m.Name) {
		return fmt.Errorf("state directory %s exists: name one that does not, as `down` removes it", o.StateDir)
	}
	if err := m.Store.Save(record); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.remove(record))
		}
	}()
	commit, err := m.startBox(record, cache)
	if err != nil {
		return err
	}
	defer commit.Close()
	if err := m.waitUntilComplete(ctx, record, o); err != nil {
		return err
	}
	if _, err := commit.WriteString(box.Committed); err != nil {
		return fmt.Errorf("the cluster's process ended at the last moment: %w", err)
	}
	record.Ready = true
	if err := m.Store.Save(record); err != nil {
		return err
	}
	m.Log.Step("cluster %q is up: %d real nodes, %d simulated", m.Name, o.Nodes, o.KwokNodes)
	return nil
}

// client talks to the cluster from the host.
func (m *Manager) client(record *state.Record) (*kube.Client, error) {
	return kube.NewClient(fmt.Sprintf("https://127.0.0.1:%d", record.APIPort), pkiDir(record))
}
