// SPDX-License-Identifier: Apache-2.0

package box

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/windlass-operator/windlass/cluster/internal/node"
	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/supervise"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// nodeKeeper makes each node run or not, as the file "stopped" in its directory says.
type nodeKeeper struct {
	config     Config
	supervisor *supervise.Supervisor
}

// prepare makes the directories and configuration of all nodes.
func (k nodeKeeper) prepare() error {
	for number := 1; number <= k.config.Nodes; number++ {
		n := k.config.node(number)
		if err := os.MkdirAll(filepath.Join(n.Dir, "log"), 0o755); err != nil {
			return err
		}
		data, err := json.MarshalIndent(n, "", "  ")
		if err != nil {
			return err
		}
		if err := state.WriteFile(filepath.Join(n.Dir, "node.json"), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// run compares wish and reality for as long as the box lives.
func (k nodeKeeper) run() {
	for {
		for number := 1; number <= k.config.Nodes; number++ {
			k.reconcile(k.config.node(number))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (k nodeKeeper) reconcile(n node.Config) {
	if _, err := os.Stat(stoppedFile(k.config.StateDir, n.Name())); err == nil {
		k.supervisor.Stop(n.Name())
		return
	}
	if !k.supervisor.Running(n.Name()) {
		k.supervisor.Start(k.program(n))
	}
}

// program starts this very executable again as the first process of the node's namespaces, nested in the box's.
func (k nodeKeeper) program(n node.Config) supervise.Program {
	return supervise.Program{
		Name: n.Name(),
		Path: "/proc/self/exe",
		Arg0: "cluster",
		Args: []string{"node-init", "--config", filepath.Join(n.Dir, "node.json")},
		Env:  os.Environ(),
		Log:  filepath.Join(n.Dir, "log", "init.log"),
		Attributes: &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		},
		Started: func(pid int) {
			if err := connectNode(n.Number, pid); err != nil {
				log.Print(fmt.Errorf("%s stays cut off: %w", topology.NodeName(n.Number), err))
			}
		},
	}
}
