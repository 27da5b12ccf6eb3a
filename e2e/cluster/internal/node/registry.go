package node

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/windlass-operator/windlass/e2e/cluster/internal/state"
	"github.com/windlass-operator/windlass/e2e/cluster/internal/topology"
)

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// closedPort is one that nothing listens on.
const closedPort = 1

// SetRegistry makes or breaks a node's way to the image registry. containerd reads the rule at every pull, so it takes
// effect with the next one.
func SetRegistry(nodeDir string, reachable bool) error {
	address := topology.Registry()
	if !reachable {
		address = fmt.Sprintf("%s:%d", topology.ControlPlaneIP, closedPort)
	}
	rule, err := hostsRule(address)
	if err != nil {
		return err
	}
	return state.WriteFile(filepath.Join(nodeDir, "etc", "certs.d", "_default", "hosts.toml"), rule, 0o644)
}

// RegistryReachable says whether the node's rule leads to the registry.
func RegistryReachable(nodeDir string) bool {
	want, err := hostsRule(topology.Registry())
	got, readErr := os.ReadFile(filepath.Join(nodeDir, "etc", "certs.d", "_default", "hosts.toml"))
	return err == nil && readErr == nil && bytes.Equal(got, want)
}

// hostsRule renders the mirror rule for a registry address.
func hostsRule(address string) ([]byte, error) {
	return render("hosts.toml", struct{ Registry string }{address})
}
