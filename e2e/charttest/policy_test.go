// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"encoding/json"
	"path"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	patchRules    = "kruise-configuration"
	patchRulesKey = "SidecarSet_PatchPodMetadata_WhiteList"
)

// TestThePolicyIsWhatTheValuesSay compares the policy file with the values, field by field. That the webhook
// understands those fields is tested beside its parser.
func TestThePolicyIsWhatTheValuesSay(t *testing.T) {
	var defaults struct {
		SidecarSet struct {
			Policy           map[string]any `json:"policy"`
			PatchPodMetadata struct {
				Action string `json:"action"`
			} `json:"patchPodMetadata"`
		} `json:"sidecarSet"`
	}
	readYAML(t, "values.yaml", &defaults)
	byDefault := defaults.SidecarSet.Policy
	byDefault["podAnnotations"] = map[string]any{"action": defaults.SidecarSet.PatchPodMetadata.Action}
	tests := map[string]struct {
		values string
		want   map[string]any
	}{
		"without values": {want: byDefault},
		"with every value": {
			values: `
sidecarSet:
  policy:
    images: {action: Deny, allowed: [ghcr.io/acme]}
    namespaces: {action: Deny, protected: [vault]}
    privileged: {action: Deny}
    hostPaths: {action: Deny, allowed: [/var/log]}
    hostPorts: {action: Allow}
    capabilities: {action: Deny, allowed: [NET_ADMIN]}
  patchPodMetadata: {action: Deny}
`,
			want: map[string]any{
				"images":         map[string]any{"action": "Deny", "allowed": []any{"ghcr.io/acme"}},
				"namespaces":     map[string]any{"action": "Deny", "protected": []any{"vault"}},
				"privileged":     map[string]any{"action": "Deny"},
				"hostPaths":      map[string]any{"action": "Deny", "allowed": []any{"/var/log"}},
				"hostPorts":      map[string]any{"action": "Allow"},
				"capabilities":   map[string]any{"action": "Deny", "allowed": []any{"NET_ADMIN"}},
				"podAnnotations": map[string]any{"action": "Deny"},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			configMap := get[*corev1.ConfigMap](t, mustRender(t, test.values), "windlass-sidecarset-policy")
			if diff := cmp.Diff(test.want, decodeJSON(t, configMap.Data["policy.json"])); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

func decodeJSON(t *testing.T, content string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(content), &out); err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	return out
}

func TestRulesForAnnotationsAreWhatTheValuesSay(t *testing.T) {
	for _, configMap := range all[*corev1.ConfigMap](mustRender(t, "")) {
		if configMap.Name == patchRules {
			t.Error("without rules the chart must leave the ConfigMap to whoever has one")
		}
	}
	configMap := get[*corev1.ConfigMap](t, mustRender(t, `
sidecarSet:
  patchPodMetadata:
    rules:
      - allowedAnnotationKeyExprs: ["^example.com/<a>$"]
      - {selector: {matchLabels: {team: mesh}}, allowedAnnotationKeyExprs: [mesh]}
`), patchRules)
	want := map[string]any{"rules": []any{
		map[string]any{"allowedAnnotationKeyExprs": []any{"^example.com/<a>$"}},
		map[string]any{"selector": map[string]any{"matchLabels": map[string]any{"team": "mesh"}}, "allowedAnnotationKeyExprs": []any{"mesh"}},
	}}
	if diff := cmp.Diff(want, decodeJSON(t, configMap.Data[patchRulesKey])); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// TestThePolicyIsMountedWhereTheWebhookLooks also holds the mount to being a whole directory: a file mounted by subPath
// never changes.
func TestThePolicyIsMountedWhereTheWebhookLooks(t *testing.T) {
	result := mustRender(t, "")
	program := container(t, result, "windlass-webhook")
	files := map[string]bool{}
	for _, volume := range get[*appsv1.Deployment](t, result, "windlass-webhook").Spec.Template.Spec.Volumes {
		for _, mount := range program.VolumeMounts {
			if mount.Name != volume.Name || volume.Projected == nil {
				continue
			}
			if mount.SubPath != "" {
				t.Errorf("%s is mounted by subPath", mount.MountPath)
			}
			for _, source := range volume.Projected.Sources {
				for _, item := range source.ConfigMap.Items {
					files[source.ConfigMap.Name+" "+item.Key+" at "+path.Join(mount.MountPath, item.Path)] = true
				}
			}
		}
	}
	want := map[string]bool{
		"windlass-sidecarset-policy policy.json at /etc/windlass/policy.json":   true,
		patchRules + " " + patchRulesKey + " at /etc/windlass/patch-rules.json": true,
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
