// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// kernelSettings are what the kubelet wants and would otherwise write. They belong to the whole machine, so the node
// shows the kubelet files that already say so and the machine keeps its own values: there is nothing to restore, not
// even after a crash.
var kernelSettings = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// setUpMounts gives the node its own /proc, /run, /var/lib and /var/log. kubelet, containerd and the CNI library have
// hard-coded paths below these.
func setUpMounts(c Config) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := hideKernelSettings(c); err != nil {
		return err
	}
	// Volumes with mount propagation need a shared tree; it is shared with the node's Pods only.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("make / shared within the node: %w", err)
	}
	for _, dir := range []string{"lib", "log"} {
		source, target := filepath.Join(c.Dir, "var", dir), filepath.Join("/var", dir)
		if err := os.MkdirAll(source, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s to %s: %w", source, target, err)
		}
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	return os.MkdirAll("/run/lock", 0o755)
}

// hideKernelSettings binds a file over each setting.
func hideKernelSettings(c Config) error {
	for name, value := range kernelSettings {
		target := filepath.Join("/proc/sys", name)
		if !fileExists(target) {
			continue // this kernel does not have it, and the kubelet skips it
		}
		source := filepath.Join(c.Dir, "sysctl", name)
		if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(source, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s to %s: %w", source, target, err)
		}
	}
	return nil
}
