// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Probe runs as the first process of new namespaces and tries what a node does there. The error joins a sentence for
// everything that failed.
func Probe(dir string) error {
	if os.Getpid() != 1 {
		return errors.New("probe must be started by `cluster doctor`")
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts cannot be made private: %w", err)
	}
	return errors.Join(probeProc(), probeOverlay(dir), probeNetwork())
}

func probeProc() error {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("/proc of a new PID namespace cannot be mounted: %w", err)
	}
	return nil
}

// probeOverlay mounts an overlay whose upper layer is on the file system of the state directory.
func probeOverlay(dir string) error {
	for _, sub := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir)
	if err := unix.Mount("overlay", filepath.Join(dir, "merged"), "overlay", 0, options); err != nil {
		return fmt.Errorf("overlayfs cannot be mounted on the file system of %s (%w): choose another with --state-dir; it must not be an overlay itself", dir, err)
	}
	return unix.Unmount(filepath.Join(dir, "merged"), 0)
}

func probeNetwork() error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = "probe0"
	bridge := &netlink.Bridge{LinkAttrs: attributes}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("the kernel makes no bridge interface: %w", err)
	}
	attributes = netlink.NewLinkAttrs()
	attributes.Name = "probe1"
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: "probe2"}); err != nil {
		return fmt.Errorf("the kernel makes no veth pair: %w", err)
	}
	return nil
}
