// SPDX-License-Identifier: Apache-2.0

package box

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/windlass-operator/windlass/cluster/internal/cgroup"
	"github.com/windlass-operator/windlass/cluster/internal/kube"
	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/supervise"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// The files that `up` hands to the box, by number.
const (
	apiListenerFD = 3 + iota
	registryListenerFD
	// The lock that says that the cluster lives is only held.
	_
	// commitFD is a pipe on which `up` says that the cluster is complete. Its end without a word means that `up` died,
	// and half a cluster is of no use to anybody.
	commitFD
)

// Committed is the word.
const Committed = "committed"

// Run turns the calling process into the box. It returns only when the cluster cannot be made; then the caller must
// end.
func Run(c Config) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("box is PID %d: it must be started by `cluster up` as the first process of its own namespaces", os.Getpid())
	}
	for fd := apiListenerFD; fd <= commitFD; fd++ {
		unix.CloseOnExec(fd)
	}
	go dieWithoutCommit(os.NewFile(commitFD, "commit"))
	if err := separate(c); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte("windlass-" + c.Cluster)); err != nil {
		return err
	}
	if err := setUpNetwork(c.Nodes); err != nil {
		return err
	}
	if err := startForwarding(); err != nil {
		return err
	}
	return runPrograms(c)
}

// dieWithoutCommit ends the box, and with it the cluster, when `up` ends without the word.
func dieWithoutCommit(pipe *os.File) {
	word, _ := io.ReadAll(pipe)
	if string(word) != Committed {
		log.Fatal("`cluster up` ended before the cluster was complete; ending too")
	}
}

// separate takes the box out of the host's cgroups and mounts. The control plane alone does not need either, and must
// do where the kernel refuses them.
func separate(c Config) error {
	if c.Nodes > 0 {
		return errors.Join(cgroup.Enter(topology.Cgroup(c.Cluster)+"/box"), setUpMounts())
	}
	if err := setUpMounts(); err != nil {
		log.Printf("going on with the host's mounts, as there are no real nodes: %v", err)
	}
	return nil
}

// setUpMounts cuts the mount namespace off from the host's and shows this PID namespace in /proc.
func setUpMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

func startForwarding() error {
	for fd, target := range map[uintptr]string{
		apiListenerFD:      fmt.Sprintf("%s:%d", topology.ControlPlaneIP, topology.APIPort),
		registryListenerFD: topology.Registry(),
	} {
		file := os.NewFile(fd, target)
		listener, err := net.FileListener(file)
		if err != nil {
			return fmt.Errorf("listener for %s: %w", target, err)
		}
		_ = file.Close()
		go forward(listener, target)
	}
	return nil
}

// runPrograms starts everything and sleeps until it is told to end.
func runPrograms(c Config) error {
	supervisor := supervise.New(func(statuses []supervise.Status) { writeStatus(c, statuses) })
	go supervisor.Reap()
	supervisor.Start(c.etcd())
	supervisor.Start(c.apiServer())
	nodes := nodeKeeper{config: c, supervisor: supervisor}
	if err := nodes.prepare(); err != nil {
		return err
	}
	go nodes.run()
	if err := startRegistry(c); err != nil {
		return err
	}
	if err := waitForAPIServer(c); err != nil {
		return err
	}
	supervisor.Start(c.controllerManager())
	supervisor.Start(c.scheduler())
	supervisor.Start(c.kwok())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	return nil
}

// waitForAPIServer waits as long as it takes: `up` decides when to give up.
func waitForAPIServer(c Config) error {
	client, err := kube.NewClient(topology.APIServer(), PKIDir(c.StateDir))
	if err != nil {
		return err
	}
	for client.Ready(context.Background()) != nil {
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

func writeStatus(c Config, statuses []supervise.Status) {
	data, err := json.MarshalIndent(statuses, "", "  ")
	if err == nil {
		err = state.WriteFile(StatusFile(c.StateDir), append(data, '\n'), 0o644)
	}
	if err != nil {
		log.Printf("status: %v", err)
	}
	for _, s := range statuses {
		if !s.Running && !s.Stopped {
			log.Printf("%s is not running: %s (restarts: %d)", s.Name, s.LastExit, s.Restarts)
		}
	}
}
