// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"maps"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/charts"
)

// inCluster lets templates look up objects, as Helm does while it installs or upgrades.
type inCluster struct{ dynamic.Interface }

func (c inCluster) GetClientFor(apiVersion, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	group, err := schema.ParseGroupVersion(apiVersion)
	return c.Resource(group.WithResource(strings.ToLower(kind) + "s")), false, err
}

// installInto renders the chart for its installation in a cluster that holds these objects. What kubectl windlass check
// says of them is compared with what the chart says.
func installInto(t *testing.T, values string, objects ...*unstructured.Unstructured) error {
	t.Helper()
	err := renderInto(t, chartutil.ReleaseOptions{IsInstall: true}, values, objects...)
	refusals := refusalsIn(t, values, objects)
	switch {
	case err == nil && len(refusals) > 0:
		t.Errorf("the chart is rendered, and charts.Release refuses: %v", refusals)
	case err != nil && (len(refusals) == 0 || !strings.HasSuffix(err.Error(), "\n\n"+refusals[0].Says)):
		t.Errorf("the chart says:\n%v\n\nand charts.Release: %v", err, refusals)
	}
	return err
}

// refusalsIn are those of package charts.
func refusalsIn(t *testing.T, values string, objects []*unstructured.Unstructured) []charts.Refusal {
	t.Helper()
	given := struct {
		CRDs struct {
			Install *bool `json:"install"`
			Adopt   bool  `json:"adopt"`
		} `json:"crds"`
	}{}
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		t.Fatal(err)
	}
	var configurations []admissionregistrationv1.MutatingWebhookConfiguration
	var definitions []apiextensionsv1.CustomResourceDefinition
	for _, object := range objects {
		switch object.GetKind() {
		case "MutatingWebhookConfiguration":
			configurations = append(configurations, typed[admissionregistrationv1.MutatingWebhookConfiguration](t, object))
		case "CustomResourceDefinition":
			if ptr.Deref(given.CRDs.Install, true) {
				definitions = append(definitions, typed[apiextensionsv1.CustomResourceDefinition](t, object))
			}
		}
	}
	return charts.Release{Name: "windlass", Namespace: namespace, Adopt: given.CRDs.Adopt}.Refusals(configurations, definitions)
}

func typed[T any](t *testing.T, object *unstructured.Unstructured) T {
	t.Helper()
	var out T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// renderInto renders the chart for a cluster that holds these objects.
func renderInto(t *testing.T, release chartutil.ReleaseOptions, values string, objects ...*unstructured.Unstructured) error {
	t.Helper()
	release.Name, release.Namespace = "windlass", namespace
	lists := map[schema.GroupVersionResource]string{
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}:             "CustomResourceDefinitionList",
		{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"}: "MutatingWebhookConfigurationList",
	}
	present := make([]runtime.Object, 0, len(objects))
	for _, object := range objects {
		present = append(present, object)
	}
	loaded := loadChart(t)
	all, err := chartutil.ToRenderValues(loaded, valuesOf(t, values), release, chartutil.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.RenderWithClientProvider(loaded, all, inCluster{fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, present...)})
	return err
}

func definition(resource string, change ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"spec": map[string]any{"conversion": map[string]any{"strategy": "None"}},
	}}
	object.SetName(resource + ".apps.kruise.io")
	for _, c := range change {
		c(object)
	}
	return object
}

func webhooks(name string, change ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
	}}
	object.SetName(name)
	for _, c := range change {
		c(object)
	}
	return object
}

// ofRelease gives an object to a Helm release.
func ofRelease(name, namespace string) func(*unstructured.Unstructured) {
	return func(object *unstructured.Unstructured) {
		object.SetAnnotations(map[string]string{"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace})
	}
}

// ofWindlass gives an object the labels that this chart renders.
func ofWindlass(object *unstructured.Unstructured) {
	labels := map[string]string{"app.kubernetes.io/part-of": "windlass"}
	maps.Copy(labels, object.GetLabels())
	object.SetLabels(labels)
}

func converted(object *unstructured.Unstructured) {
	_ = unstructured.SetNestedField(object.Object, "Webhook", "spec", "conversion", "strategy")
}

func leaving(object *unstructured.Unstructured) {
	now := metav1.Now()
	object.SetDeletionTimestamp(&now)
	object.SetFinalizers([]string{"customresourcecleanup.apiextensions.k8s.io"})
}

// TestDefinitionsOfOthersAreNotTakenSilently is about CustomResourceDefinitions that are in the cluster before the
// chart is.
func TestDefinitionsOfOthersAreNotTakenSilently(t *testing.T) {
	const adopt, leave = "crds: {adopt: true}", "crds: {install: false}"
	tests := map[string]struct {
		values string
		found  *unstructured.Unstructured
		// want are parts of the sentence; none: the chart is rendered.
		want []string
	}{
		"those of this release are upgraded": {found: definition("sidecarsets", ofWindlass, ofRelease("windlass", namespace))},
		"those of this release are waited for while they are being deleted": {
			found: definition("sidecarsets", ofWindlass, ofRelease("windlass", namespace), leaving), want: []string{"sidecarsets.apps.kruise.io is being deleted"},
		},
		"those of another release are refused": {
			found: definition("sidecarsets", ofWindlass, ofRelease("old", "ops")),
			want: []string{
				"CustomResourceDefinition sidecarsets.apps.kruise.io is in the cluster already: it belongs to the release old in namespace ops.",
				"crds.adopt=true and Helm's --take-ownership", "crds.install=false",
			},
		},
		"those of a release of this name in another namespace are refused": {
			found: definition("schedpatches", ofWindlass, ofRelease("windlass", "ops")),
			want:  []string{"schedpatches.apps.kruise.io", "belongs to the release windlass in namespace ops"},
		},
		"those of another release are adopted when told to": {values: adopt, found: definition("sidecarsets", ofWindlass, ofRelease("old", "ops"))},
		"those of another release are used as they are":     {values: leave, found: definition("sidecarsets", ofWindlass, ofRelease("old", "ops"))},
		"those that kubectl or Argo CD applied are refused": {
			found: definition("statefulsets", ofWindlass), want: []string{"it belongs to no Helm release."},
		},
		"those that somebody else made are refused with a hint": {
			found: definition("statefulsets"), want: []string{"it belongs to no Helm release and was not made by this chart", "OpenKruise"},
		},
		"those that somebody else made are adopted when told to": {values: adopt, found: definition("statefulsets")},
		"OpenKruise's are refused with the way out": {
			found: definition("statefulsets", converted, ofRelease("kruise", "default")),
			want: []string{
				"OpenKruise's controllers must be gone first", "Do not uninstall its chart",
				`kubectl patch crd statefulsets.apps.kruise.io --type merge --patch '{"spec":{"conversion":{"strategy":"None","webhook":null}}}'`,
				"crds.adopt=true and Helm's --take-ownership",
			},
		},
		"OpenKruise's cannot be adopted before their conversion is off": {
			values: adopt, found: definition("statefulsets", converted), want: []string{"OpenKruise's controllers must be gone first"},
		},
		"those being deleted are waited for": {
			found: definition("sidecarsets", ofWindlass, ofRelease("old", "ops"), leaving),
			want:  []string{"is being deleted", "kubectl wait --for=delete crd/sidecarsets.apps.kruise.io"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { expectSentence(t, installInto(t, test.values, test.found), test.want) })
	}
}

func TestOneInstallationServesACluster(t *testing.T) {
	tests := map[string]struct {
		found *unstructured.Unstructured
		want  []string
	}{
		"this one is upgraded": {found: webhooks("windlass", ofWindlass, ofRelease("windlass", namespace))},
		"a second release is refused": {
			found: webhooks("prod-windlass", ofWindlass, ofRelease("prod", "ops")),
			want:  []string{"Windlass is installed in this cluster already: MutatingWebhookConfiguration prod-windlass belongs to the release prod in namespace ops.", "One installation serves the whole cluster"},
		},
		"one of this name in another namespace is refused": {
			found: webhooks("windlass", ofWindlass, ofRelease("windlass", "ops")), want: []string{"the release windlass in namespace ops"},
		},
		"one that Argo CD applied under another name is refused": {
			found: webhooks("prod-windlass", ofWindlass), want: []string{"MutatingWebhookConfiguration prod-windlass belongs to no Helm release"},
		},
		"one that Argo CD applied under this name is left to Helm to judge": {found: webhooks("windlass", ofWindlass)},
		"webhooks of others do not matter":                                  {found: webhooks("istio", ofRelease("istio", "istio-system"))},
		"OpenKruise serves admission": {
			found: webhooks("kruise-mutating-webhook-configuration"), want: []string{"OpenKruise serves admission in this cluster", "Do not uninstall its chart"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { expectSentence(t, installInto(t, "", test.found), test.want) })
	}
}

// A release that works is not held up by what came after it.
func TestAnUpgradeDoesNotAskWhoElseServesAdmission(t *testing.T) {
	err := renderInto(t, chartutil.ReleaseOptions{IsUpgrade: true}, "", webhooks("kruise-mutating-webhook-configuration"))
	expectSentence(t, err, nil)
}

// A second release would find the first one's definitions, too; what to do about those would lead it astray.
func TestASecondReleaseIsToldOfTheFirst(t *testing.T) {
	first := ofRelease("prod", "ops")
	err := installInto(t, "", definition("sidecarsets", ofWindlass, first), webhooks("prod-windlass", ofWindlass, first))
	expectSentence(t, err, []string{"Windlass is installed in this cluster already"})
}

// expectSentence expects an error with all these parts, or none without parts.
func expectSentence(t *testing.T, err error, parts []string) {
	t.Helper()
	switch {
	case len(parts) == 0 && err != nil:
		t.Errorf("the chart was refused: %v", err)
	case len(parts) != 0 && err == nil:
		t.Error("the chart was rendered")
	}
	for _, part := range parts {
		if err != nil && !strings.Contains(err.Error(), part) {
			t.Errorf("error does not say %q:\n%v", part, err)
		}
	}
}

// TestWhatIsLookedUpIsNeverRendered: the one template that asks the cluster gives the same nothing in every cluster.
func TestWhatIsLookedUpIsNeverRendered(t *testing.T) {
	files, err := renderFiles(loadChart(t), renderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rendered, ok := files["windlass/"+asksTheCluster]
	if !ok || strings.TrimSpace(rendered) != "" {
		t.Errorf("%s (there: %t) renders:\n%s", asksTheCluster, ok, rendered)
	}
}
