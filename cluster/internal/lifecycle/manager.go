// SPDX-License-Identifier: Apache-2.0

// Package lifecycle takes a cluster up and down and tells about it.
package lifecycle

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/windlass-operator/windlass/cluster/internal/progress"
	"github.com/windlass-operator/windlass/cluster/internal/state"
)

// operationWait is how long a command waits for another one that is changing the same cluster.
const operationWait = 5 * time.Minute

// Manager works on one cluster, by name.
type Manager struct {
	Store *state.Store
	Name  string
	// Owner is who asks. Only the owner changes a living cluster.
	Owner string
	Log   *progress.Log
	// Embedded are the sources that this program was built with; they name its binaries.
	Embedded fs.FS
	// SourceDir is where they are, for building what is missing.
	SourceDir string
}

// lock takes the operation lock.
func (m *Manager) lock(ctx context.Context) (*state.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, operationWait)
	defer cancel()
	return state.WaitLock(ctx, m.Store.OperationLockPath(m.Name), func() {
		m.Log.Step("another command is changing cluster %q; waiting for it", m.Name)
	})
}

// Find returns the record of a cluster that is up, or an error that says what to do.
func (m *Manager) Find() (*state.Record, error) {
	record, err := m.Store.Load(m.Name)
	if err != nil {
		return nil, err
	}
	if record == nil || !record.BoxAlive() {
		return nil, fmt.Errorf("cluster %q is not up: start it with `cluster up --name %s`", m.Name, m.Name)
	}
	if !record.Ready {
		return nil, fmt.Errorf("cluster %q is still coming up: wait for `cluster up` to end", m.Name)
	}
	return record, nil
}

// checkOwner refuses to touch somebody else's cluster.
func (m *Manager) checkOwner(record *state.Record) error {
	if record.Owner == m.Owner {
		return nil
	}
	return fmt.Errorf("cluster %q belongs to %q and you are %q: choose another name with --name, or, if it is yours, say --owner %q",
		m.Name, record.Owner, m.Owner, record.Owner)
}
