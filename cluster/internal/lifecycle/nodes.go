// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"slices"

	"github.com/windlass-operator/windlass/cluster/internal/box"
	"github.com/windlass-operator/windlass/cluster/internal/node"
	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/supervise"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// changeable finds the cluster and makes sure that the caller may change it.
func (m *Manager) changeable() (*state.Record, error) {
	record, err := m.Find()
	if err != nil {
		return nil, err
	}
	return record, m.checkOwner(record)
}

// realNode also makes sure that the node is one of the cluster's real ones.
func (m *Manager) realNode(name string) (*state.Record, error) {
	record, err := m.changeable()
	if err != nil {
		return nil, err
	}
	for number := 1; number <= record.Nodes; number++ {
		if topology.NodeName(number) == name {
			return record, nil
		}
	}
	return nil, fmt.Errorf("%q is not a real node of cluster %q: it has node1 to node%d", name, m.Name, record.Nodes)
}

// AddKwokNodes adds simulated nodes and waits until the last of them is Ready.
func (m *Manager) AddKwokNodes(ctx context.Context, prefix string, count int) error {
	record, err := m.changeable()
	if err != nil {
		return err
	}
	client, err := m.client(record)
	if err != nil {
		return err
	}
	names, err := client.AddKwokNodes(ctx, prefix, count)
	if err != nil {
		return err
	}
	last := names[len(names)-1]
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	return m.await(ctx, record, fmt.Sprintf("simulated nodes %s to %s Ready", names[0], last), func() (bool, error) {
		return client.NodeReady(ctx, last)
	})
}

// StopNode kills a node with everything on it and returns when it is dead. The API server notices after some 40
// seconds.
func (m *Manager) StopNode(ctx context.Context, name string) error {
	record, err := m.realNode(name)
	if err != nil {
		return err
	}
	if err := box.SetNodeStopped(record.StateDir, name, true); err != nil {
		return err
	}
	return m.awaitNodeRunning(ctx, record, name, false)
}

// StartNode starts a stopped node and returns when its first process runs.
func (m *Manager) StartNode(ctx context.Context, name string) error {
	record, err := m.realNode(name)
	if err != nil {
		return err
	}
	if err := box.SetNodeStopped(record.StateDir, name, false); err != nil {
		return err
	}
	return m.awaitNodeRunning(ctx, record, name, true)
}

func (m *Manager) awaitNodeRunning(ctx context.Context, record *state.Record, name string, running bool) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	what := name + " stopped"
	if running {
		what = name + " started"
	}
	return m.await(ctx, record, what, func() (bool, error) {
		statuses := readStatus(box.StatusFile(record.StateDir))
		i := slices.IndexFunc(statuses, func(s supervise.Status) bool { return s.Name == name })
		return i >= 0 && statuses[i].Running == running && statuses[i].Stopped != running, nil
	})
}

// BreakRegistry makes every pull on the node fail from now on.
func (m *Manager) BreakRegistry(_ context.Context, name string) error {
	return m.setRegistry(name, node.RegistryCutOff)
}

// SlowRegistry makes every pull on the node trickle from now on.
func (m *Manager) SlowRegistry(_ context.Context, name string) error {
	return m.setRegistry(name, node.RegistrySlow)
}

// FixRegistry undoes BreakRegistry and SlowRegistry.
func (m *Manager) FixRegistry(_ context.Context, name string) error {
	return m.setRegistry(name, node.RegistryWell)
}

func (m *Manager) setRegistry(name string, access node.RegistryAccess) error {
	record, err := m.realNode(name)
	if err != nil {
		return err
	}
	if err := node.SetRegistry(box.NodeDir(record.StateDir, name), access); err != nil {
		return err
	}
	m.Log.Step("%s %s", name, access)
	return nil
}
