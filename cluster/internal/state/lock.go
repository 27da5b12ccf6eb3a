// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Lock is a held advisory lock. It ends with Release, or when every process that inherited its file has ended.
type Lock struct {
	file *os.File
}

// ErrLocked says that somebody else holds the lock.
var ErrLocked = errors.New("locked")

// TryLock takes the lock on a file, made if missing, or returns ErrLocked at once.
func TryLock(path string) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return &Lock{file: file}, nil
	}
	_ = file.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrLocked
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// WaitLock takes the lock, waiting for as long as the context lives. onWait is called once if it has to wait.
func WaitLock(ctx context.Context, path string, onWait func()) (*Lock, error) {
	for first := true; ; first = false {
		lock, err := TryLock(path)
		if !errors.Is(err, ErrLocked) {
			return lock, err
		}
		if first && onWait != nil {
			onWait()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("gave up waiting for the lock %s: %w", path, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// File is what a child process inherits to keep the lock alive.
func (l *Lock) File() *os.File { return l.file }

// Release closes this process's hold. A child that inherited the file keeps the lock.
func (l *Lock) Release() { _ = l.file.Close() }

// LifeLockPath is the lock that a living cluster holds.
func (s *Store) LifeLockPath(name string) string { return filepath.Join(s.root, "locks", name+".life") }

// OperationLockPath is the lock that a command holds while it changes the cluster.
func (s *Store) OperationLockPath(name string) string {
	return filepath.Join(s.root, "locks", name+".operation")
}

// Alive says whether the cluster's own process holds its life lock.
func (s *Store) Alive(name string) (bool, error) {
	lock, err := TryLock(s.LifeLockPath(name))
	if errors.Is(err, ErrLocked) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	lock.Release()
	return false, nil
}
