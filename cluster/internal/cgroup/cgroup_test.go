// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMountinfo(t *testing.T) {
	tests := map[string]struct {
		mountinfo string
		want      []Hierarchy
	}{
		"version 2": {
			mountinfo: "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			want:      []Hierarchy{{Path: "/sys/fs/cgroup", Version2: true}},
		},
		"version 1 with an unused version 2 beside it": {
			mountinfo: "24 1 0:20 / / rw - ext4 /dev/vda rw\n" +
				"31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n" +
				"32 30 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
			want: []Hierarchy{
				{Path: "/sys/fs/cgroup/cpu,cpuacct", Controllers: []string{"rw", "cpu", "cpuacct"}},
				{Path: "/sys/fs/cgroup/unified", Version2: true},
			},
		},
		"a mount on top of itself counts once": {
			mountinfo: "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n31 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			want:      []Hierarchy{{Path: "/sys/fs/cgroup", Version2: true}},
		},
		"no cgroups at all": {mountinfo: "24 1 0:20 / / rw - ext4 /dev/vda rw\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parseMountinfo(test.mountinfo)); diff != "" {
				t.Errorf("hierarchies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	tests := map[string]struct {
		hierarchies []Hierarchy
		want        []string
	}{
		"version 2 with its usual controllers": {
			hierarchies: []Hierarchy{{Version2: true, Controllers: []string{"cpuset", "cpu", "io", "memory", "pids"}}},
			want:        []string{},
		},
		"version 1 without memory": {
			hierarchies: []Hierarchy{{Controllers: []string{"cpu", "cpuacct"}}, {Controllers: []string{"cpuset"}},
				{Controllers: []string{"pids"}}, {Controllers: []string{"devices"}}},
			want: []string{"memory"},
		},
		"an empty version 2 hierarchy offers nothing": {
			hierarchies: []Hierarchy{{Version2: true}},
			want:        []string{"cpu", "cpuacct", "cpuset", "memory", "pids", "devices"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Missing(test.hierarchies)); diff != "" {
				t.Errorf("missing controllers (-want +got):\n%s", diff)
			}
		})
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEnterVersion1CopiesCPUsDownThePath(t *testing.T) {
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "cpuset.cpus"), "0-1")
	writeFile(t, filepath.Join(root, "cpuset.mems"), "0")
	if err := (Hierarchy{Path: root, Controllers: []string{"cpuset"}}).enter("windlass-a/node1"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"windlass-a/cpuset.cpus": "0-1", "windlass-a/node1/cpuset.cpus": "0-1", "windlass-a/node1/cpuset.mems": "0",
		"windlass-a/node1/cgroup.procs": "0",
	}
	if diff := cmp.Diff(want, readAll(t, root, want)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestEnterVersion2HandsControllersDownThePath(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"", "windlass-a"} {
		writeFile(t, filepath.Join(root, dir, "cgroup.controllers"), "cpu memory misc")
	}
	if err := (Hierarchy{Path: root, Version2: true}).enter("windlass-a/box"); err != nil {
		t.Fatal(err)
	}
	// A plain file keeps the last write; misc, which nobody needs, is not handed down.
	want := map[string]string{
		"cgroup.subtree_control": "+memory", "windlass-a/cgroup.subtree_control": "+memory", "windlass-a/box/cgroup.procs": "0",
	}
	if diff := cmp.Diff(want, readAll(t, root, want)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func readAll(t *testing.T, root string, names map[string]string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for name := range names {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		got[name] = string(data)
	}
	return got
}

func TestTreeListsParentsFirst(t *testing.T) {
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "a", "b", "cgroup.procs"), "")
	want := []string{root, filepath.Join(root, "a"), filepath.Join(root, "a", "b")}
	if diff := cmp.Diff(want, tree(root)); diff != "" {
		t.Errorf("directories (-want +got):\n%s", diff)
	}
}
