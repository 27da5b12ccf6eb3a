// SPDX-License-Identifier: Apache-2.0

// Package state keeps what must outlive a command: where a cluster's files are, who owns it, and whether it is alive.
//
// Two locks per cluster name answer the hard questions without guessing:
//
//   - the life lock is held by the cluster's own process (the box) as an inherited file description. The kernel drops it
//     with the process, so "the lock is free" means "the cluster is dead", whatever killed it;
//   - the operation lock is held by the command that is changing the cluster, so that two of them take turns.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Record is what is known about a cluster while its state directory exists.
type Record struct {
	Name string `json:"name"`
	// Owner is who started it: the checkout's absolute path unless chosen otherwise.
	Owner string `json:"owner"`
	// StateDir holds the cluster's files; it is removed by down.
	StateDir string `json:"stateDir"`
	// BinDir holds the binaries that the cluster runs.
	BinDir string `json:"binDir"`
	// BoxPID and BoxStart (clock ticks since boot) name the cluster's first process beyond reuse of its PID.
	BoxPID   int    `json:"boxPID,omitempty"`
	BoxStart uint64 `json:"boxStart,omitempty"`
	// APIPort and RegistryPort are on 127.0.0.1.
	APIPort      int `json:"apiPort,omitempty"`
	RegistryPort int `json:"registryPort,omitempty"`
	// Nodes is the number of real nodes.
	Nodes int `json:"nodes"`
	// Ready is set when up has finished.
	Ready   bool      `json:"ready"`
	Started time.Time `json:"started"`
}

// Kubeconfig is the file for host-side clients; it names 127.0.0.1 only.
func (r Record) Kubeconfig() string { return filepath.Join(r.StateDir, "kubeconfig") }

// Registry is the registry's address for host-side clients.
func (r Record) Registry() string { return fmt.Sprintf("127.0.0.1:%d", r.RegistryPort) }

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// Store is the place on this machine where clusters are registered.
type Store struct {
	root string
}

// NewStore opens the store in ${XDG_STATE_HOME:-$HOME/.local/state}/windlass.
func NewStore() (*Store, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("no place for the cluster's state: set XDG_STATE_HOME or HOME: %w", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	return &Store{root: filepath.Join(base, "windlass")}, nil
}

// NewStoreAt opens a store in a directory of the caller's choice.
func NewStoreAt(root string) *Store { return &Store{root: root} }

// DefaultStateDir is where a cluster keeps its files unless told otherwise.
func (s *Store) DefaultStateDir(name string) string { return filepath.Join(s.root, "clusters", name) }

// LogDir is where the logs of the last run of a cluster are kept after it is gone.
func (s *Store) LogDir(name string) string { return filepath.Join(s.root, "logs", name+"-last") }

func (s *Store) recordPath(name string) string {
	return filepath.Join(s.root, "clusters", name+".json")
}

// CheckName refuses names that do not fit file, cgroup and host names.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("cluster name %q is not allowed: use up to 32 of a-z, 0-9 and '-', starting and ending with a letter or digit", name)
	}
	return nil
}

// Load returns the record of a cluster, or nil if there is none.
func (s *Store) Load(name string) (*Record, error) {
	data, err := os.ReadFile(s.recordPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &Record{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("the record of cluster %q cannot be read (%w): remove %s after making sure that the cluster is gone",
			name, err, s.recordPath(name))
	}
	return r, nil
}

// Save writes the record in one step: a reader sees the old one or the new one.
func (s *Store) Save(r *Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(s.recordPath(r.Name), append(data, '\n'), 0o600)
}

// Forget removes the record; a missing one is fine.
func (s *Store) Forget(name string) error {
	if err := os.Remove(s.recordPath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// WriteFile writes a file by renaming a complete one into place. Missing directories are made.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}
