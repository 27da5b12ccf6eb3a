// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/windlass-operator/windlass/cluster/internal/cgroup"
	"github.com/windlass-operator/windlass/cluster/internal/state"
)

// Problems returns a sentence for everything that keeps this machine from running real nodes; none means that it can.
// dir is where the cluster's state would live: its file system must serve as the upper layer of an overlay.
func Problems(ctx context.Context, dir string) []string {
	var problems []string
	if os.Geteuid() != 0 {
		problems = append(problems, fmt.Sprintf("this is user %d, and only root may make namespaces and cgroups: run as root", os.Geteuid()))
	}
	problems = append(problems, cgroupProblems()...)
	if p := missingPackages(requirements); p != "" {
		problems = append(problems, p)
	}
	if os.Geteuid() == 0 {
		problems = append(problems, probeProblems(ctx, dir)...)
	}
	return problems
}

func cgroupProblems() []string {
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		return []string{fmt.Sprintf("cgroups cannot be looked up: %v", err)}
	}
	if len(hierarchies) == 0 {
		return []string{"no cgroup hierarchy is mounted: mount cgroup version 2 at /sys/fs/cgroup"}
	}
	var problems []string
	if missing := cgroup.Missing(hierarchies); len(missing) > 0 {
		problems = append(problems, fmt.Sprintf("cgroup controllers are missing: %s. The kernel or the container around this shell must offer them",
			strings.Join(missing, ", ")))
	}
	for _, h := range hierarchies {
		if err := unix.Access(h.Path, unix.W_OK); err != nil && os.Geteuid() == 0 {
			problems = append(problems, fmt.Sprintf("cgroup hierarchy %s is not writable: %v", h.Path, err))
		}
	}
	return problems
}

// probeProblems tries for real what nodes need, in throw-away namespaces.
func probeProblems(ctx context.Context, dir string) []string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	probe, err := probeDir(filepath.Dir(dir))
	if err != nil {
		return []string{fmt.Sprintf("the state directory's place is not writable: %v", err)}
	}
	defer os.RemoveAll(probe)
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "probe", probe)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
	}
	output, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if text := strings.TrimSpace(string(output)); text != "" {
		return strings.Split(text, "\n")
	}
	return []string{fmt.Sprintf("new mount, network and PID namespaces cannot be made: %v. A container needs --privileged", err)}
}

// probeDir makes a directory for this process's probe, and removes those of processes that were killed at it.
func probeDir(parent string) (string, error) {
	const prefix = ".probe-"
	entries, err := os.ReadDir(parent)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(strings.TrimPrefix(e.Name(), prefix))
		if err != nil || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if _, alive := state.ProcessStart(pid); !alive {
			_ = os.RemoveAll(filepath.Join(parent, e.Name()))
		}
	}
	dir := filepath.Join(parent, prefix+strconv.Itoa(os.Getpid()))
	return dir, os.MkdirAll(dir, 0o755)
}
