// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/windlass-operator/windlass/cluster/internal/box"
	"github.com/windlass-operator/windlass/cluster/internal/build"
	"github.com/windlass-operator/windlass/cluster/internal/kwok"
	"github.com/windlass-operator/windlass/cluster/internal/pki"
	"github.com/windlass-operator/windlass/cluster/internal/state"
)

func pkiDir(record *state.Record) string { return box.PKIDir(record.StateDir) }

// startBox writes the cluster's files, opens its two doors on the host's loopback and starts the box. The returned pipe
// is the box's lifeline until `up` commits: closing it without a word ends the box.
func (m *Manager) startBox(record *state.Record, cache build.Cache) (commit *os.File, err error) {
	apiServer, registry, err := openDoors(record)
	if err != nil {
		return nil, err
	}
	defer apiServer.Close()
	defer registry.Close()
	if err := writeFiles(record, cache); err != nil {
		return nil, err
	}
	if before := raiseInotifyInstances(inotifyInstances); before != 0 {
		m.Log.Step("raised the machine's fs.inotify.max_user_instances from %d to %d", before, wantedInotifyInstances)
	}
	life, err := state.TryLock(m.Store.LifeLockPath(m.Name))
	if err != nil {
		return nil, fmt.Errorf("cluster %q already has a living process: %w", m.Name, err)
	}
	defer life.Release()
	lifeline, commit, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer lifeline.Close()
	record.BoxPID, err = spawnBox(record.StateDir, []*os.File{apiServer, registry, life.File(), lifeline})
	if err != nil {
		return nil, errors.Join(err, commit.Close())
	}
	record.BoxStart, _ = state.ProcessStart(record.BoxPID)
	if err := m.Store.Save(record); err != nil {
		return nil, errors.Join(err, commit.Close())
	}
	m.Log.Step("started: API server on 127.0.0.1:%d, registry on %s", record.APIPort, record.Registry())
	return commit, nil
}

// openDoors listens on two free ports of the host's loopback and notes them in the record.
func openDoors(record *state.Record) (apiServer, registry *os.File, err error) {
	if apiServer, record.APIPort, err = openDoor(); err != nil {
		return nil, nil, err
	}
	if registry, record.RegistryPort, err = openDoor(); err != nil {
		return nil, nil, errors.Join(err, apiServer.Close())
	}
	return apiServer, registry, nil
}

func openDoor() (*os.File, int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	defer listener.Close() // the file below is a duplicate
	tcp := listener.(*net.TCPListener)
	file, err := tcp.File()
	return file, tcp.Addr().(*net.TCPAddr).Port, err
}

// writeFiles makes everything that the box reads.
func writeFiles(record *state.Record, cache build.Cache) error {
	if err := os.MkdirAll(box.LogDir(record.StateDir), 0o755); err != nil {
		return err
	}
	if err := pki.Write(pki.Plan{
		Dir: pkiDir(record), Cluster: record.Name, Nodes: record.Nodes,
		HostServer: fmt.Sprintf("https://127.0.0.1:%d", record.APIPort), HostKubeconfig: record.Kubeconfig(),
	}); err != nil {
		return err
	}
	stages, err := kwok.Config()
	if err != nil {
		return err
	}
	if err := state.WriteFile(box.AuditPolicyFile(record.StateDir), []byte(box.AuditPolicy), 0o644); err != nil {
		return err
	}
	if err := state.WriteFile(filepath.Join(record.StateDir, "kwok.yaml"), stages, 0o644); err != nil {
		return err
	}
	data, err := json.MarshalIndent(box.Config{
		Cluster: record.Name, StateDir: record.StateDir, BinDir: cache.BinDir(), ImagesDir: cache.ImagesDir(),
		PauseImage: build.PauseImage, Nodes: record.Nodes,
	}, "", "  ")
	if err != nil {
		return err
	}
	return state.WriteFile(filepath.Join(record.StateDir, "box.json"), data, 0o644)
}

// spawnBox starts this executable again, detached, as the first process of new namespaces.
func spawnBox(stateDir string, files []*os.File) (int, error) {
	log, err := os.OpenFile(filepath.Join(box.LogDir(stateDir), "box.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe", "box", "--config", filepath.Join(stateDir, "box.json"))
	cmd.Args[0] = "cluster"
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, files
	cmd.SysProcAttr = boxAttributes(os.Geteuid(), os.Getegid())
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("the cluster's process cannot be started in namespaces of its own (%w): run as root, or allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)", err)
	}
	pid := cmd.Process.Pid
	go cmd.Wait() //nolint:errcheck // only to reap it should it end while we wait for it
	return pid, nil
}

// boxAttributes are the box's namespaces. An ordinary user needs a user namespace in which to be root; that is enough
// for the control plane, though not for real nodes.
func boxAttributes(uid, gid int) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{
		Setsid: true,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC |
			syscall.CLONE_NEWUTS,
	}
	if uid != 0 {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	}
	return attributes
}
