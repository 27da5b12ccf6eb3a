// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// supervisor is shared by the tests, as a process has one reaper.
func supervisor(t *testing.T) (*Supervisor, <-chan Status) {
	t.Helper()
	changes := make(chan Status, 1000)
	s := New(func(statuses []Status) {
		for _, status := range statuses {
			changes <- status
		}
	})
	go s.Reap()
	return s, changes
}

func shell(t *testing.T, script string) Program {
	t.Helper()
	return Program{Name: "shell", Path: "/bin/sh", Args: []string{"-c", script}, Log: filepath.Join(t.TempDir(), "log")}
}

// until reads changes up to the first that fits.
func until(changes <-chan Status, fits func(Status) bool) Status {
	for s := range changes {
		if fits(s) {
			return s
		}
	}
	return Status{}
}

func TestSupervisor(t *testing.T) {
	s, changes := supervisor(t)

	t.Run("a program that ends is started again, and its end is remembered", func(t *testing.T) {
		p := shell(t, "echo hello; exit 7")
		s.Start(p)
		got := until(changes, func(s Status) bool { return s.Running && s.Restarts > 0 })
		if diff := cmp.Diff("exit code 7", got.LastExit); diff != "" {
			t.Errorf("last exit (-want +got):\n%s", diff)
		}
		s.Stop("shell")
		until(changes, func(s Status) bool { return s.Stopped && !s.Running })
		log, err := os.ReadFile(p.Log)
		if err != nil || !strings.HasPrefix(string(log), "hello\n") {
			t.Errorf("log %q, error %v", log, err)
		}
	})

	t.Run("a stopped program stays away until it is started", func(t *testing.T) {
		var pids []int
		p := shell(t, "exec sleep 1000")
		p.Started = func(pid int) { pids = append(pids, pid) }
		s.Start(p)
		until(changes, func(s Status) bool { return s.Running })
		s.Start(p) // it runs already
		s.Stop("shell")
		got := until(changes, func(s Status) bool { return !s.Running })
		if !got.Stopped || got.LastExit != "ended by signal 9" || len(pids) != 1 {
			t.Errorf("status %+v after %d starts, want stopped by signal 9 after one", got, len(pids))
		}
		s.Start(p)
		until(changes, func(s Status) bool { return s.Running && !s.Stopped })
		s.Stop("shell")
		until(changes, func(s Status) bool { return !s.Running })
	})

	t.Run("a program that cannot be started is tried again", func(t *testing.T) {
		s.Start(Program{Name: "missing", Path: "/does/not/exist", Log: filepath.Join(t.TempDir(), "log")})
		got := until(changes, func(s Status) bool { return s.Name == "missing" && s.Restarts > 0 })
		s.Stop("missing")
		if diff := cmp.Diff("start /does/not/exist: no such file or directory", got.LastExit); diff != "" {
			t.Errorf("last exit (-want +got):\n%s", diff)
		}
	})
}
