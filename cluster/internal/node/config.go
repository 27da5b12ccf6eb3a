// SPDX-License-Identifier: Apache-2.0

// Package node is the first process of a real node: it makes a machine of a fresh set of namespaces and runs
// containerd, kubelet and kube-proxy in it.
package node

import (
	"bytes"
	"embed"
	"fmt"
	"path/filepath"
	"text/template"

	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// Config is what a node needs to know; the box writes it as JSON before it starts the node.
type Config struct {
	// Cluster is the cluster's name.
	Cluster string `json:"cluster"`
	// Number of the node, from 1.
	Number int `json:"number"`
	// Nodes is how many there are.
	Nodes int `json:"nodes"`
	// Dir is the node's own directory.
	Dir string `json:"dir"`
	// PKIDir holds the certificates and kubeconfigs.
	PKIDir string `json:"pkiDir"`
	// BinDir holds the binaries.
	BinDir string `json:"binDir"`
	// PauseImage is the image of Pod sandboxes.
	PauseImage string `json:"pauseImage"`
}

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.ParseFS(templateFiles, "templates/*"))

// configFiles maps each file below the node's etc directory to its template.
var configFiles = map[string]string{
	"kubelet.yaml":                "kubelet.yaml",
	"kube-proxy.yaml":             "kube-proxy.yaml",
	"containerd.toml":             "containerd.toml",
	"cni/10-windlass.conflist":    "cni.conflist",
	"certs.d/_default/hosts.toml": "hosts.toml",
	"resolv.conf":                 "resolv.conf",
}

// Name of the node.
func (c Config) Name() string { return topology.NodeName(c.Number) }

// IP of the node.
func (c Config) IP() string { return topology.NodeIP(c.Number) }

// PodCIDR is the network of the node's Pods.
func (c Config) PodCIDR() string { return topology.NodePodCIDR(c.Number) }

// AllPodsCIDR is the network of all nodes' Pods.
func (c Config) AllPodsCIDR() string { return topology.PodCIDR }

// DNSIP is the cluster's name server.
func (c Config) DNSIP() string { return topology.DNSIP }

// Registry is where every image is pulled from.
func (c Config) Registry() string { return topology.Registry() }

// Cgroup is the node's group; its daemons are in the group "system" below it.
func (c Config) Cgroup() string { return topology.Cgroup(c.Cluster) + "/" + c.Name() }

// Etc is the directory of the configuration files.
func (c Config) Etc() string { return filepath.Join(c.Dir, "etc") }

// Log is the file of one of the node's daemons.
func (c Config) Log(daemon string) string { return filepath.Join(c.Dir, "log", daemon+".log") }

// render fills in one template.
func (c Config) render(name string) ([]byte, error) { return render(name, c) }

func render(name string, data any) ([]byte, error) {
	var buffer bytes.Buffer
	if err := templates.ExecuteTemplate(&buffer, name, data); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return buffer.Bytes(), nil
}

// writeConfigs writes all configuration files of the daemons. An existing mirror rule is kept: a test may have broken
// the node's way to the registry on purpose, and a restart must not mend it.
func (c Config) writeConfigs() error {
	for file, name := range configFiles {
		path := filepath.Join(c.Etc(), file)
		if name == "hosts.toml" && fileExists(path) {
			continue
		}
		data, err := c.render(name)
		if err != nil {
			return err
		}
		if err := state.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
