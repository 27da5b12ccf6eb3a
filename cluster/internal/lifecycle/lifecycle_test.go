// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/cluster/internal/progress"
	"github.com/windlass-operator/windlass/cluster/internal/state"
)

func newManager(t *testing.T) (*Manager, *bytes.Buffer) {
	t.Helper()
	var output bytes.Buffer
	return &Manager{Store: state.NewStoreAt(t.TempDir()), Name: "unit-test", Owner: "/mine", Log: progress.New(&output)}, &output
}

// save records a cluster whose process is this test's own.
func save(t *testing.T, m *Manager, owner string, alive, ready bool) *state.Record {
	t.Helper()
	r := &state.Record{Name: m.Name, Owner: owner, StateDir: filepath.Join(t.TempDir(), "state"), Nodes: 2, Ready: ready,
		APIPort: 1, RegistryPort: 5000, BinDir: "/cache/bin"}
	if alive {
		r.BoxPID = os.Getpid()
		r.BoxStart, _ = state.ProcessStart(r.BoxPID)
	}
	if err := m.Store.Save(r); err != nil {
		t.Fatal(err)
	}
	return r
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestFind(t *testing.T) {
	tests := map[string]struct {
		recorded, alive, ready bool
		wantError              string
	}{
		"up":              {recorded: true, alive: true, ready: true},
		"never there":     {wantError: `cluster "unit-test" is not up`},
		"dead":            {recorded: true, ready: true, wantError: `cluster "unit-test" is not up`},
		"still coming up": {recorded: true, alive: true, wantError: `still coming up`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, _ := newManager(t)
			if test.recorded {
				save(t, m, m.Owner, test.alive, test.ready)
			}
			_, err := m.Find()
			if !strings.Contains(errorText(err), test.wantError) || (err == nil) != (test.wantError == "") {
				t.Errorf("error %v, want %q", err, test.wantError)
			}
		})
	}
}

func TestAnotherOwnersClusterIsLeftAlone(t *testing.T) {
	tests := map[string]func(m *Manager) error{
		"down": func(m *Manager) error { return m.Down(context.Background()) },
		"up": func(m *Manager) error {
			return m.Up(context.Background(), UpOptions{Nodes: 2})
		},
		"node stop":      func(m *Manager) error { return m.StopNode(context.Background(), "node1") },
		"add-kwok-nodes": func(m *Manager) error { return m.AddKwokNodes(context.Background(), "kwok", 1) },
		"break-registry": func(m *Manager) error { return m.BreakRegistry(context.Background(), "node1") },
		"slow-registry":  func(m *Manager) error { return m.SlowRegistry(context.Background(), "node1") },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			m, _ := newManager(t)
			save(t, m, "/theirs", true, true)
			if err := change(m); !strings.Contains(errorText(err), `belongs to "/theirs"`) {
				t.Errorf("error %v, want one that names the owner", err)
			}
		})
	}
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	tests := map[string]struct {
		name    string
		options UpOptions
		want    string
	}{
		"too many nodes":      {name: "a", options: UpOptions{Nodes: 10}, want: "--nodes 10: there is room for 0 to 9 real nodes"},
		"negative nodes":      {name: "a", options: UpOptions{Nodes: -1}, want: "--nodes -1: there is room for 0 to 9 real nodes"},
		"negative kwok nodes": {name: "a", options: UpOptions{KwokNodes: -1}, want: "--kwok -1: the number of simulated nodes cannot be negative"},
		"a bad name":          {name: "A", want: `cluster name "A" is not allowed: use up to 32 of a-z, 0-9 and '-', starting and ending with a letter or digit`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, _ := newManager(t)
			m.Name = test.name
			if diff := cmp.Diff(test.want, errorText(m.Up(context.Background(), test.options))); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDownOfNothingIsSuccess(t *testing.T) {
	m, output := newManager(t)
	if err := m.Down(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(output.String(), `cluster "unit-test" is not up`) {
		t.Errorf("output %q does not say that it is not up", output)
	}
}

func TestDownOfADeadClusterKeepsItsLogsOnly(t *testing.T) {
	m, _ := newManager(t)
	record := save(t, m, "/theirs", false, true)
	for _, file := range []string{"log/etcd.log", "nodes/node1/log/kubelet.log", "nodes/node1/var/lib/x", "pki/ca.key"} {
		if err := state.WriteFile(filepath.Join(record.StateDir, file), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Down(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(record.StateDir); !os.IsNotExist(err) {
		t.Errorf("state directory: %v, want none", err)
	}
	var got []string
	_ = filepath.WalkDir(m.Store.LogDir(m.Name), func(path string, entry os.DirEntry, _ error) error {
		if !entry.IsDir() {
			got = append(got, strings.TrimPrefix(path, m.Store.LogDir(m.Name)))
		}
		return nil
	})
	if diff := cmp.Diff([]string{"/etcd.log", "/node1/kubelet.log"}, got); diff != "" {
		t.Errorf("kept files (-want +got):\n%s", diff)
	}
	if record, err := m.Store.Load(m.Name); record != nil || err != nil {
		t.Errorf("record %v, error %v; want none", record, err)
	}
}

func TestEnvironment(t *testing.T) {
	got := Environment(&state.Record{StateDir: "/state", RegistryPort: 5000, BoxPID: 42, BinDir: "/cache/bin"})
	want := "export KUBECONFIG=/state/kubeconfig\nexport WINDLASS_REGISTRY=127.0.0.1:5000\nexport WINDLASS_AUDIT_LOG=/state/log/audit.log\nexport WINDLASS_BOX_PID=42\nexport PATH=/cache/bin:$PATH\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestUnknownNodeIsNamed(t *testing.T) {
	m, _ := newManager(t)
	save(t, m, m.Owner, true, true)
	want := `"node3" is not a real node of cluster "unit-test": it has node1 to node2`
	if diff := cmp.Diff(want, errorText(m.StopNode(context.Background(), "node3"))); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}
