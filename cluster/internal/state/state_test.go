// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCheckName(t *testing.T) {
	tests := map[string]struct {
		name   string
		wantOK bool
	}{
		"a word":                           {name: "default", wantOK: true},
		"digits and dashes":                {name: "e2e-2", wantOK: true},
		"one letter":                       {name: "a", wantOK: true},
		"empty is refused":                 {name: ""},
		"a path is refused":                {name: "../x"},
		"upper case is refused":            {name: "Dev"},
		"a dash at the end is refused":     {name: "dev-"},
		"more than 32 letters are refused": {name: "abcdefghijklmnopqrstuvwxyz0123456"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.wantOK, CheckName(test.name) == nil); diff != "" {
				t.Errorf("allowed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecordRoundTrip(t *testing.T) {
	store := NewStoreAt(t.TempDir())
	if got, err := store.Load("a"); got != nil || err != nil {
		t.Fatalf("a cluster that never was: got %v, %v; want nothing", got, err)
	}
	want := &Record{Name: "a", Owner: "/checkout", StateDir: "/state", BinDir: "/bin", BoxPID: 7, BoxStart: 8, APIPort: 9,
		RegistryPort: 10, Nodes: 2, Ready: true, Started: time.Unix(1, 0).UTC()}
	if err := store.Save(want); err != nil {
		t.Fatal(err)
	}
	got, err := store.Load("a")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if err := errors.Join(store.Forget("a"), store.Forget("a")); err != nil {
		t.Errorf("forgetting twice: %v", err)
	}
	if got, err := store.Load("a"); got != nil || err != nil {
		t.Errorf("after forgetting: got %v, %v; want nothing", got, err)
	}
}

func TestWriteFileLeavesNoTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "deep", "file")
	for _, content := range []string{"one", "two"} {
		if err := WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "two" || len(entries) != 1 {
		t.Errorf("content %q, %d entries, error %v; want \"two\", 1, none", got, len(entries), err)
	}
}

func TestLifeLock(t *testing.T) {
	store := NewStoreAt(t.TempDir())
	alive := func(want bool, when string) {
		t.Helper()
		if got, err := store.Alive("a"); got != want || err != nil {
			t.Errorf("%s: alive %t, error %v; want %t", when, got, err, want)
		}
	}
	alive(false, "nobody holds the lock")
	lock, err := TryLock(store.LifeLockPath("a"))
	if err != nil {
		t.Fatal(err)
	}
	alive(true, "the lock is held")

	// A child inherits the lock and keeps it when we let go, as the box does when `up` ends.
	child := exec.Command("cat")
	child.ExtraFiles = []*os.File{lock.File()}
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lock.Release()
	alive(true, "the child holds the lock")
	if err := errors.Join(input.Close(), child.Wait()); err != nil {
		t.Fatal(err)
	}
	alive(false, "the child has ended")
}

func TestWaitLockGivesUpWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	waited := 0
	_, err = WaitLock(ctx, path, func() { waited++; cancel() })
	if !errors.Is(err, context.Canceled) || waited != 1 {
		t.Errorf("error %v, told %d times that it waits; want context.Canceled, 1", err, waited)
	}
	held.Release()
	if _, err := WaitLock(context.Background(), path, nil); err != nil {
		t.Errorf("a free lock: %v", err)
	}
}

func TestParseStat(t *testing.T) {
	rest := " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20"
	tests := map[string]struct {
		stat      string
		wantStart uint64
		wantAlive bool
	}{
		"a sleeping process lives":                   {stat: "7 (box) S" + rest, wantStart: 4242, wantAlive: true},
		"a name with spaces and parentheses is fine": {stat: "7 (a) b) R" + rest, wantStart: 4242, wantAlive: true},
		"a zombie is dead":                           {stat: "7 (box) Z" + rest, wantStart: 4242},
		"rubbish is dead":                            {stat: "7"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			start, alive := parseStat(test.stat)
			if start != test.wantStart || alive != test.wantAlive {
				t.Errorf("got %d, %t; want %d, %t", start, alive, test.wantStart, test.wantAlive)
			}
		})
	}
}

func TestBoxAliveTellsAReusedPIDApart(t *testing.T) {
	start, alive := ProcessStart(os.Getpid())
	if !alive {
		t.Fatal("this process does not live")
	}
	tests := map[string]struct {
		record Record
		want   bool
	}{
		"the very process lives":       {record: Record{BoxPID: os.Getpid(), BoxStart: start}, want: true},
		"another process with its PID": {record: Record{BoxPID: os.Getpid(), BoxStart: start + 1}},
		"a record without a process":   {record: Record{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.record.BoxAlive()); diff != "" {
				t.Errorf("alive (-want +got):\n%s", diff)
			}
		})
	}
}
