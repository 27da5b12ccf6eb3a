// SPDX-License-Identifier: Apache-2.0

// Package topology is the cluster's address plan. Every cluster has network namespaces of its own without an uplink, so
// the addresses are fixed: nothing can collide, and none of them exists on the host.
package topology

import "fmt"

const (
	// Bridge joins the control plane and the nodes.
	Bridge = "windlass0"
	// ControlPlaneIP is the control plane's address on the bridge.
	ControlPlaneIP = "10.77.0.1"
	// NodePrefixLength is that of the nodes' network, 10.77.0.0/24.
	NodePrefixLength = 24
	// APIPort is the API server's inside the cluster.
	APIPort = 6443
	// RegistryPort is the image registry's inside the cluster.
	RegistryPort = 5000
	// SlowRegistryPort is where the same registry trickles.
	SlowRegistryPort = 5001
	// ServiceCIDR is where Services have their addresses.
	ServiceCIDR = "10.96.0.0/16"
	// KubernetesIP is the Service of the API server.
	KubernetesIP = "10.96.0.1"
	// DNSIP is the Service of CoreDNS.
	DNSIP = "10.96.0.10"
	// PodCIDR covers the Pods of all real nodes.
	PodCIDR = "10.78.0.0/16"
	// KwokPodCIDR is where simulated Pods have their addresses; nothing answers there.
	KwokPodCIDR = "10.79.0.0/16"
	// MaxNodes is how many real nodes the plan has room for.
	MaxNodes = 9
	// RealNodeLabel marks the nodes that run containers.
	RealNodeLabel = "windlass.dev/real-node"
)

// NodeName of the node with a number that starts at 1.
func NodeName(number int) string { return fmt.Sprintf("node%d", number) }

// NodeIP is the node's address on the bridge.
func NodeIP(number int) string { return fmt.Sprintf("10.77.0.%d", 10+number) }

// NodePodCIDR is the network of the node's Pods.
func NodePodCIDR(number int) string { return fmt.Sprintf("10.78.%d.0/24", number) }

// APIServer is the API server's URL inside the cluster.
func APIServer() string { return fmt.Sprintf("https://%s:%d", ControlPlaneIP, APIPort) }

// Registry is the registry's address inside the cluster.
func Registry() string { return fmt.Sprintf("%s:%d", ControlPlaneIP, RegistryPort) }

// SlowRegistry is the address at which the registry trickles.
func SlowRegistry() string { return fmt.Sprintf("%s:%d", ControlPlaneIP, SlowRegistryPort) }

// Cgroup is the name of the cluster's group in every hierarchy.
func Cgroup(cluster string) string { return "windlass-" + cluster }
