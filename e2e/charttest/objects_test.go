// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

func TestObjectsWithoutValues(t *testing.T) {
	result := mustRender(t, "")
	var got []string
	for _, object := range result.objects {
		kind := object.GetObjectKind().GroupVersionKind().Kind
		got = append(got, strings.TrimPrefix(fmt.Sprintf("%s/%s/%s", object.GetNamespace(), kind, object.GetName()), "/"))
	}
	slices.Sort(got)
	want := []string{
		"ClusterRole/windlass-edit",
		"ClusterRole/windlass-operator",
		"ClusterRole/windlass-test",
		"ClusterRole/windlass-view",
		"ClusterRole/windlass-webhook",
		"ClusterRoleBinding/windlass-operator",
		"ClusterRoleBinding/windlass-test",
		"ClusterRoleBinding/windlass-webhook",
		"CustomResourceDefinition/schedpatches.apps.kruise.io",
		"CustomResourceDefinition/sidecarsets.apps.kruise.io",
		"CustomResourceDefinition/statefulsets.apps.kruise.io",
		"MutatingWebhookConfiguration/windlass",
		"ValidatingAdmissionPolicy/windlass-enforced-sidecars",
		"ValidatingAdmissionPolicy/windlass-operator-pods",
		"ValidatingAdmissionPolicy/windlass-webhook-ca",
		"ValidatingAdmissionPolicy/windlass-webhook-secrets",
		"ValidatingAdmissionPolicyBinding/windlass-enforced-sidecars",
		"ValidatingAdmissionPolicyBinding/windlass-operator-pods",
		"ValidatingAdmissionPolicyBinding/windlass-webhook-ca",
		"ValidatingAdmissionPolicyBinding/windlass-webhook-secrets",
		"ValidatingWebhookConfiguration/windlass",
		"windlass-system/ConfigMap/windlass-sidecarset-policy",
		"windlass-system/Deployment/windlass-operator",
		"windlass-system/Deployment/windlass-webhook",
		"windlass-system/Pod/windlass-test",
		"windlass-system/PodDisruptionBudget/windlass-operator",
		"windlass-system/PodDisruptionBudget/windlass-webhook",
		"windlass-system/Role/windlass-operator",
		"windlass-system/Role/windlass-test",
		"windlass-system/Role/windlass-webhook",
		"windlass-system/RoleBinding/windlass-operator",
		"windlass-system/RoleBinding/windlass-test",
		"windlass-system/RoleBinding/windlass-webhook",
		"windlass-system/Secret/windlass-webhook-self-cert",
		"windlass-system/Service/windlass-operator-metrics",
		"windlass-system/Service/windlass-webhook",
		"windlass-system/Service/windlass-webhook-metrics",
		"windlass-system/ServiceAccount/windlass-operator",
		"windlass-system/ServiceAccount/windlass-test",
		"windlass-system/ServiceAccount/windlass-webhook",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

// asksTheCluster is the one template that may use lookup. TestWhatIsLookedUpIsNeverRendered holds it to rendering
// nothing.
const asksTheCluster = "templates/validate-cluster.yaml"

func TestGitOpsFindsNothingToFightOver(t *testing.T) {
	first := mustRender(t, "")
	second := mustRender(t, "")
	if diff := cmp.Diff(first.text, second.text); diff != "" {
		t.Errorf("two renderings differ (-first +second):\n%s", diff)
	}
	for _, object := range first.objects {
		// Argo CD runs no Helm hooks as Helm would, but for those of helm test, which it leaves out.
		if hook, ok := object.GetAnnotations()["helm.sh/hook"]; ok && hook != "test" {
			t.Errorf("%s is a hook: %s", object.GetName(), hook)
		}
	}
	secret := get[*corev1.Secret](t, first, "windlass-webhook-self-cert")
	if secret.Data != nil || secret.StringData != nil {
		t.Error("the Secret of the certificates has data: a sync would put it back over the real certificates")
	}
	for _, template := range loadChart(t).Templates {
		if template.Name == asksTheCluster {
			continue
		}
		for _, word := range []string{"lookup ", "randAlpha", "randNumeric", "randAscii", "genCA", "genSelfSigned", "genSigned", "genPrivateKey", "uuidv4", " now "} {
			if strings.Contains(string(template.Data), "{{") && containsInAction(string(template.Data), word) {
				t.Errorf("%s uses %q, which renders something else every time", template.Name, strings.TrimSpace(word))
			}
		}
	}
}

// containsInAction says whether the word occurs between {{ and }}, comments left out.
func containsInAction(template, word string) bool {
	for part := range strings.SplitSeq(template, "{{") {
		action, _, closed := strings.Cut(part, "}}")
		if closed && !strings.HasPrefix(strings.TrimLeft(action, "- "), "/*") && strings.Contains(action, word) {
			return true
		}
	}
	return false
}

func TestCustomResourceDefinitions(t *testing.T) {
	const keep = "helm.sh/resource-policy"
	tests := map[string]struct {
		values          string
		wantCount       int
		wantAnnotations map[string]string
	}{
		"they are installed and kept": {
			wantCount:       3,
			wantAnnotations: map[string]string{keep: "keep"},
		},
		"crds.install false leaves them to somebody else": {
			values: "crds: {install: false}",
		},
		"crds.keep false gives them to the release": {
			values:    "crds: {keep: false}",
			wantCount: 3,
		},
		"crds.annotations are added": {
			values:          `crds: {annotations: {argocd.argoproj.io/sync-options: "Prune=false,ServerSideApply=true"}}`,
			wantCount:       3,
			wantAnnotations: map[string]string{keep: "keep", "argocd.argoproj.io/sync-options": "Prune=false,ServerSideApply=true"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			definitions := all[*apiextensionsv1.CustomResourceDefinition](mustRender(t, test.values))
			if len(definitions) != test.wantCount {
				t.Fatalf("%d definitions, want %d", len(definitions), test.wantCount)
			}
			for _, definition := range definitions {
				got := definition.Annotations
				delete(got, "controller-gen.kubebuilder.io/version")
				if len(got) == 0 {
					got = nil
				}
				if diff := cmp.Diff(test.wantAnnotations, got); diff != "" {
					t.Errorf("annotations of %s (-want +got):\n%s", definition.Name, diff)
				}
			}
		})
	}
}

func TestNamesFitWhateverTheReleaseIsCalled(t *testing.T) {
	tests := map[string]struct {
		release string
		values  string
		want    string
	}{
		"a release named like the chart gives its name alone": {release: "windlass", want: "windlass-operator"},
		"another release is followed by the chart's name":     {release: "prod", want: "prod-windlass-operator"},
		"the longest release name is cut": {
			release: strings.Repeat("r", 53), want: strings.Repeat("r", 44) + "-operator",
		},
		"nameOverride replaces the chart's name":      {release: "prod", values: "nameOverride: wl", want: "prod-wl-operator"},
		"fullnameOverride replaces the whole of them": {release: "prod", values: "fullnameOverride: wl", want: "wl-operator"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result, err := render(t, renderOptions{release: test.release, values: test.values})
			if err != nil {
				t.Fatal(err)
			}
			get[*appsv1.Deployment](t, result, test.want)
			for _, object := range result.objects {
				// Services and labels made from names are the narrowest: 63 characters.
				if len(object.GetName()) > 63 {
					t.Errorf("%T %s has %d characters", object, object.GetName(), len(object.GetName()))
				}
			}
		})
	}
}

func TestCommonLabelsAndAnnotationsReachEveryObject(t *testing.T) {
	result := mustRender(t, `
commonLabels: {team: platform, app.kubernetes.io/component: theirs}
commonAnnotations: {owner: platform@example.com}
crds: {install: false}
`)
	for _, object := range result.objects {
		if object.GetLabels()["team"] != "platform" {
			t.Errorf("%T %s lacks the common label", object, object.GetName())
		}
		if object.GetAnnotations()["owner"] != "platform@example.com" {
			t.Errorf("%T %s lacks the common annotation", object, object.GetName())
		}
	}
	for _, deployment := range all[*appsv1.Deployment](result) {
		want := map[string]string{
			"app.kubernetes.io/name": "windlass", "app.kubernetes.io/instance": "windlass",
			"app.kubernetes.io/component": strings.TrimPrefix(deployment.Name, "windlass-"), "team": "platform",
		}
		if diff := cmp.Diff(want, deployment.Spec.Template.Labels); diff != "" {
			t.Errorf("labels of the Pods of %s (-want +got):\n%s", deployment.Name, diff)
		}
	}
}
