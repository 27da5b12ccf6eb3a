// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// RegistryAccess is how a node reaches the image registry.
type RegistryAccess string

const (
	// RegistryWell is as it should be.
	RegistryWell RegistryAccess = "reaches the registry"
	// RegistrySlow lets pulls trickle, so that they take hours.
	RegistrySlow RegistryAccess = "gets a trickle from the registry"
	// RegistryCutOff lets pulls fail.
	RegistryCutOff RegistryAccess = "is cut off from the registry"
)

// closedPort is one that nothing listens on.
const closedPort = 1

func (a RegistryAccess) address() string {
	switch a {
	case RegistrySlow:
		return topology.SlowRegistry()
	case RegistryCutOff:
		return fmt.Sprintf("%s:%d", topology.ControlPlaneIP, closedPort)
	default:
		return topology.Registry()
	}
}

// SetRegistry changes a node's way to the image registry. containerd reads the rule at every pull, so it takes effect
// with the next one; a pull that trickles goes on until the kubelet gives it up, as it does when the Pod is deleted.
func SetRegistry(nodeDir string, access RegistryAccess) error {
	rule, err := hostsRule(access.address())
	if err != nil {
		return err
	}
	return state.WriteFile(rulePath(nodeDir), rule, 0o644)
}

// Registry says what a node's rule leads to. One that nobody can read leads nowhere.
func Registry(nodeDir string) RegistryAccess {
	got, err := os.ReadFile(rulePath(nodeDir))
	if err != nil {
		return RegistryCutOff
	}
	for _, access := range []RegistryAccess{RegistryWell, RegistrySlow} {
		if want, err := hostsRule(access.address()); err == nil && bytes.Equal(got, want) {
			return access
		}
	}
	return RegistryCutOff
}

func rulePath(nodeDir string) string {
	return filepath.Join(nodeDir, "etc", "certs.d", "_default", "hosts.toml")
}

// hostsRule renders the mirror rule for a registry address.
func hostsRule(address string) ([]byte, error) {
	return render("hosts.toml", struct{ Registry string }{address})
}
