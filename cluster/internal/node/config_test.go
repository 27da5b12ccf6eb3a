// SPDX-License-Identifier: Apache-2.0

package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var testConfig = Config{
	Cluster: "a", Number: 2, Nodes: 3, Dir: "/state/nodes/node2", PKIDir: "/state/pki", BinDir: "/cache/bin", PauseImage: "pause:1",
}

// rendered parses a rendered YAML file and picks some of its fields.
func rendered(t *testing.T, name string, fields ...string) map[string]any {
	t.Helper()
	data, err := testConfig.render(name)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.UnmarshalStrict(data, &all); err != nil {
		t.Fatalf("%s is not YAML: %v\n%s", name, err, data)
	}
	picked := map[string]any{}
	for _, f := range fields {
		picked[f] = all[f]
	}
	return picked
}

func TestRenderKubelet(t *testing.T) {
	want := map[string]any{
		"address": "10.77.0.12", "cgroupRoot": "/windlass-a/node2", "kubeletCgroups": "/windlass-a/node2/system",
		"tlsCertFile": "/state/pki/node2.crt", "clusterDNS": []any{"10.96.0.10"}, "failCgroupV1": false,
		"evictionHard": map[string]any{
			"memory.available": "10Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
	}
	fields := make([]string, 0, len(want))
	for f := range want {
		fields = append(fields, f)
	}
	if diff := cmp.Diff(want, rendered(t, "kubelet.yaml", fields...)); diff != "" {
		t.Errorf("kubelet.yaml (-want +got):\n%s", diff)
	}
}

func TestRenderKubeProxyLeavesTheConnectionTableAlone(t *testing.T) {
	want := map[string]any{"mode": "nftables", "hostnameOverride": "node2", "conntrack": map[string]any{
		"maxPerCore": 0.0, "min": 0.0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}}
	if diff := cmp.Diff(want, rendered(t, "kube-proxy.yaml", "mode", "hostnameOverride", "conntrack")); diff != "" {
		t.Errorf("kube-proxy.yaml (-want +got):\n%s", diff)
	}
}

func TestRenderPodNetwork(t *testing.T) {
	data, err := testConfig.render("cni.conflist")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Plugins []struct {
			Type string
			IPAM struct {
				Ranges [][]struct{ Subnet string }
			}
		}
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("10.78.2.0/24", list.Plugins[0].IPAM.Ranges[0][0].Subnet); diff != "" {
		t.Errorf("subnet (-want +got):\n%s", diff)
	}
}

func TestRegistryRule(t *testing.T) {
	dir := t.TempDir()
	c := testConfig
	c.Dir = dir
	rule := func() string {
		data, err := os.ReadFile(filepath.Join(dir, "etc/certs.d/_default/hosts.toml"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(line, "server") {
				return strings.TrimSpace(line)
			}
		}
		return ""
	}
	check := func(when, want string, access RegistryAccess) {
		t.Helper()
		if diff := cmp.Diff(want, rule()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		if got := Registry(dir); got != access {
			t.Errorf("%s: it %s, want that it %s", when, got, access)
		}
	}
	if err := c.writeConfigs(); err != nil {
		t.Fatal(err)
	}
	check("at first", `server = "http://10.77.0.1:5000"`, RegistryWell)
	if err := SetRegistry(dir, RegistryCutOff); err != nil {
		t.Fatal(err)
	}
	check("broken", `server = "http://10.77.0.1:1"`, RegistryCutOff)
	if err := c.writeConfigs(); err != nil {
		t.Fatal(err)
	}
	check("a restart of the node does not mend it", `server = "http://10.77.0.1:1"`, RegistryCutOff)
	if err := SetRegistry(dir, RegistrySlow); err != nil {
		t.Fatal(err)
	}
	check("slow", `server = "http://10.77.0.1:5001"`, RegistrySlow)
	if err := SetRegistry(dir, RegistryWell); err != nil {
		t.Fatal(err)
	}
	check("mended", `server = "http://10.77.0.1:5000"`, RegistryWell)
}
