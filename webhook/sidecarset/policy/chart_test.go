// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// TestTheChartsDefaultsAreUnderstood parses what the chart's values hold for a policy. The chart writes them to the
// policy file unchanged.
func TestTheChartsDefaultsAreUnderstood(t *testing.T) {
	content, err := os.ReadFile("../../../charts/windlass/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values struct {
		SidecarSet struct {
			Policy           json.RawMessage `json:"policy"`
			PatchPodMetadata Switch          `json:"patchPodMetadata"`
		} `json:"sidecarSet"`
	}
	if err := yaml.Unmarshal(content, &values); err != nil {
		t.Fatal(err)
	}
	got, err := Parse(values.SidecarSet.Policy)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Images.Allowed, want.Namespaces.Protected, want.HostPaths.Allowed = []string{}, []string{}, []string{}
	want.Capabilities.Allowed = []string{
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
		"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	if values.SidecarSet.PatchPodMetadata.Action != Warn {
		t.Errorf("annotations of Pods: %s, want %s", values.SidecarSet.PatchPodMetadata.Action, Warn)
	}
}
