// SPDX-License-Identifier: Apache-2.0

package inert

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

func TestUnknownFields(t *testing.T) {
	below := []string{"spec.containers[", "spec.volumes["}
	for name, test := range map[string]struct {
		raw  string
		want []string
	}{
		"all are known": {`{"spec": {"containers": [{"name": "a", "image": "a:1", "podInjectPolicy": "BeforeAppContainer"}]}}`, nil},
		"misspelt ones": {
			`{"spec": {"containers": [{"name": "a", "imagee": "a:1", "readynessProbe": {}}]}}`,
			[]string{`unknown field "spec.containers[0].imagee"`, `unknown field "spec.containers[0].readynessProbe"`},
		},
		"deeper ones": {
			`{"spec": {"containers": [{"name": "a"}, {"name": "b", "securityContext": {"runAsRoot": true}}], "volumes": [{"name": "v", "emptyDirectory": {}}]}}`,
			[]string{`unknown field "spec.containers[1].securityContext.runAsRoot"`, `unknown field "spec.volumes[0].emptyDirectory"`},
		},
		"those that the API server warns of": {`{"spec": {"selektor": {}}}`, nil},
		"what is no object":                  {`[]`, nil},
		"a value of another type":            {`{"spec": {"containers": "none"}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, UnknownFields([]byte(test.raw), &v1beta1.SidecarSet{}, below...)); diff != "" {
				t.Errorf("unknown fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnvWarnings(t *testing.T) {
	path := field.NewPath("spec", "containers").Key("log")
	for name, test := range map[string]struct {
		variable string
		want     []string
	}{
		"one of the user's own": {"LEVEL", nil},
		"the end of a Job": {"KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT", []string{
			"spec.containers[log].env[KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT]: has no effect here: a sidecar that must not hold a Job up is a native one, an entry of initContainers with restartPolicy Always"}},
		"the end of a Job by an image": {"KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT_WITH_IMAGE", []string{
			"spec.containers[log].env[KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT_WITH_IMAGE]: has no effect here: a sidecar that must not hold a Job up is a native one, an entry of initContainers with restartPolicy Always"}},
		"an order of starting": {"KRUISE_CONTAINER_PRIORITY", []string{
			"spec.containers[log].env[KRUISE_CONTAINER_PRIORITY]: has no effect here: " + startOrder}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, EnvWarnings([]corev1.EnvVar{{Name: test.variable, Value: "true"}}, path)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamespacesThatAreNotServed(t *testing.T) {
	for name, test := range map[string]struct {
		namespace string
		injection string
		want      string
	}{
		"an ordinary one": {namespace: "shop"},
		"an enforced one": {namespace: "shop", injection: v1beta1.InjectionEnforced},
		"an excluded one": {namespace: "kube-system",
			want: "is one of the cluster's or Windlass' own, or listed in the chart's value webhook.excludedNamespaces"},
		"one that is labelled": {namespace: "shop", injection: v1beta1.InjectionDisabled,
			want: "is labelled " + v1beta1.InjectionLabel + "=" + v1beta1.InjectionDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: test.namespace}}
			if test.injection != "" {
				namespace.Labels = map[string]string{v1beta1.InjectionLabel: test.injection}
			}
			if diff := cmp.Diff(test.want, Unserved(namespace, []string{"kube-system"})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
