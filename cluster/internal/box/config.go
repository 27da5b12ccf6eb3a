// SPDX-License-Identifier: Apache-2.0

// Package box is the cluster's outermost process: the first of a PID namespace, in network and mount namespaces of its
// own. Everything that belongs to the cluster runs below it, so killing it removes every process, mount, interface and
// firewall rule of the cluster at once.
package box

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/windlass-operator/windlass/cluster/internal/node"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// Config is what the box needs to know; `up` writes it as JSON before it starts the box.
type Config struct {
	Cluster    string `json:"cluster"`
	StateDir   string `json:"stateDir"`
	BinDir     string `json:"binDir"`
	ImagesDir  string `json:"imagesDir"`
	PauseImage string `json:"pauseImage"`
	// Nodes is the number of real nodes.
	Nodes int `json:"nodes"`
}

// ReadConfig reads what `up` has written.
func ReadConfig(path string) (Config, error) {
	var c Config
	data, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	err = json.Unmarshal(data, &c)
	return c, err
}

// Directories and files below the state directory.
func (c Config) pki(name string) string { return filepath.Join(PKIDir(c.StateDir), name) }
func (c Config) log(name string) string { return filepath.Join(LogDir(c.StateDir), name+".log") }
func (c Config) path(parts ...string) string {
	return filepath.Join(append([]string{c.StateDir}, parts...)...)
}

// PKIDir holds certificates and kubeconfigs.
func PKIDir(stateDir string) string { return filepath.Join(stateDir, "pki") }

// LogDir holds the logs of the control plane; nodes have their own.
func LogDir(stateDir string) string { return filepath.Join(stateDir, "log") }

// NodeDir is a node's directory.
func NodeDir(stateDir, name string) string { return filepath.Join(stateDir, "nodes", name) }

// StatusFile is where the box says what runs.
func StatusFile(stateDir string) string { return filepath.Join(stateDir, "status.json") }

// stoppedFile is the wish that a node be off; its absence is the wish that it run.
func stoppedFile(stateDir, name string) string {
	return filepath.Join(NodeDir(stateDir, name), "stopped")
}

// SetNodeStopped records the wish that a node be off or on. The box acts on it within a fraction of a second.
func SetNodeStopped(stateDir, name string, stopped bool) error {
	path := stoppedFile(stateDir, name)
	if stopped {
		return os.WriteFile(path, nil, 0o644)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

func (c Config) node(number int) node.Config {
	return node.Config{
		Cluster: c.Cluster, Number: number, Nodes: c.Nodes, Dir: NodeDir(c.StateDir, topology.NodeName(number)),
		PKIDir: PKIDir(c.StateDir), BinDir: c.BinDir, PauseImage: c.PauseImage,
	}
}
