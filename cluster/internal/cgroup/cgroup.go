// SPDX-License-Identifier: Apache-2.0

// Package cgroup makes, enters, empties and removes the cluster's control groups, in version 1 (one hierarchy per
// controller, possibly with an unused version 2 hierarchy beside them) and version 2 (one hierarchy for all).
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// needed are the controllers without which a kubelet or runc does not start.
var needed = []string{"cpu", "cpuacct", "cpuset", "memory", "pids", "devices"}

// Hierarchy is one mounted tree of groups.
type Hierarchy struct {
	Path        string
	Version2    bool
	Controllers []string
}

// Hierarchies finds all mounted trees.
func Hierarchies() ([]Hierarchy, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	hierarchies := parseMountinfo(string(data))
	for i := range hierarchies {
		if h := &hierarchies[i]; h.Version2 {
			controllers, _ := os.ReadFile(filepath.Join(h.Path, "cgroup.controllers"))
			h.Controllers = strings.Fields(string(controllers))
		}
	}
	return hierarchies, nil
}

// parseMountinfo picks the cgroup mounts: mount point is field 5; after " - " come type, source and super options,
// which in version 1 name the controllers.
func parseMountinfo(mountinfo string) []Hierarchy {
	var found []Hierarchy
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 5 || len(right) < 3 {
			continue
		}
		h := Hierarchy{Path: left[4], Version2: right[0] == "cgroup2"}
		known := slices.ContainsFunc(found, func(f Hierarchy) bool { return f.Path == h.Path })
		if known || (right[0] != "cgroup" && !h.Version2) {
			continue
		}
		if !h.Version2 {
			h.Controllers = strings.Split(right[2], ",")
		}
		found = append(found, h)
	}
	return found
}

// Missing returns the controllers that real nodes need and the hierarchies do not have. Version 2 counts cpuacct and
// devices as part of every hierarchy.
func Missing(hierarchies []Hierarchy) []string {
	have := map[string]bool{}
	for _, h := range hierarchies {
		for _, c := range h.Controllers {
			have[c] = true
		}
		if h.Version2 && len(h.Controllers) > 0 {
			have["cpuacct"], have["devices"] = true, true
		}
	}
	return slices.DeleteFunc(slices.Clone(needed), func(c string) bool { return have[c] })
}

// Enter moves the calling process into a group of every hierarchy, made if missing. The path is relative, for example
// windlass-default/node1/system; its last part is a leaf, as version 2 allows processes in leaves only.
func Enter(path string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		if err := h.enter(path); err != nil {
			return fmt.Errorf("enter cgroup %s in %s: %w", path, h.Path, err)
		}
	}
	return nil
}

func (h Hierarchy) enter(path string) error {
	dir := h.Path
	for part := range strings.SplitSeq(path, "/") {
		if err := h.delegate(dir); err != nil {
			return err
		}
		parent := dir
		dir = filepath.Join(dir, part)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := h.inheritCPUs(parent, dir); err != nil {
			return err
		}
	}
	// "0" stands for the writer, in whatever PID namespace it is.
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0o644)
}

// delegate lets a version 2 group's children use its controllers.
func (h Hierarchy) delegate(dir string) error {
	if !h.Version2 {
		return nil
	}
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, c := range strings.Fields(string(available)) {
		if !slices.Contains(needed, c) && c != "io" && c != "hugetlb" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0o644); err != nil {
			return fmt.Errorf("give controller %s to the children of %s: %w", c, dir, err)
		}
	}
	return nil
}

// inheritCPUs copies the parent's CPUs and memory nodes: a new version 1 cpuset group has none, and takes no process.
func (h Hierarchy) inheritCPUs(parent, dir string) error {
	if h.Version2 || !slices.Contains(h.Controllers, "cpuset") {
		return nil
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(parent, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Remove kills what still runs in the group or below it, in every hierarchy, and removes the directories. It gives up
// after the timeout and then names what is left.
func Remove(name string, timeout time.Duration) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(timeout)
	for {
		left := removeOnce(hierarchies, name)
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cgroups still in use after %s: %s", timeout, strings.Join(left, ", "))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// removeOnce returns the directories that could not be removed yet.
func removeOnce(hierarchies []Hierarchy, name string) []string {
	var left []string
	for _, h := range hierarchies {
		dirs := tree(filepath.Join(h.Path, name))
		for _, dir := range slices.Backward(dirs) {
			killAll(dir)
			if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
				left = append(left, dir)
			}
		}
	}
	return left
}

// tree lists a directory and all below it, parents first.
func tree(root string) []string {
	var dirs []string
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // a group that vanishes while we look is what we want
	})
	return dirs
}

func killAll(dir string) {
	procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	for _, field := range strings.Fields(string(procs)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}
