package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/windlass-operator/windlass/e2e/cluster/internal/cgroup"
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
	existing := dir
	for existing != "/" {
		if _, err := os.Stat(existing); err == nil {
			break
		}
		existing = filepath.Dir(existing)
	}
	probe, err := os.MkdirTemp(existing, ".windlass-probe-")
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
