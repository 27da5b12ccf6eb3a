// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// overlays maps each overlay to its namespace.
var overlays = map[string]string{production: "shop-production", staging: "shop-staging"}

// TestObjectsAreWhereTheyBelong: what is namespaced is in the overlay's namespace, and what is not is in none, although
// Kustomize does not know that a SidecarSet is cluster-scoped.
func TestObjectsAreWhereTheyBelong(t *testing.T) {
	for overlay, namespace := range overlays {
		for _, object := range build(t, load(t), overlay) {
			want := namespace
			if isClusterScoped(object) {
				want = ""
			}
			if got := object.GetNamespace(); got != want {
				t.Errorf("%s: %s is in namespace %q, not in %q", overlay, Name(object), got, want)
			}
		}
	}
}

func TestSidecarSetsKeepToTheirNamespace(t *testing.T) {
	for overlay, namespace := range overlays {
		set := find(t, build(t, load(t), overlay), "SidecarSet")
		got, _, err := unstructured.NestedStringMap(set.Object, "spec", "namespaceSelector", "matchLabels")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"kubernetes.io/metadata.name": namespace}, got); diff != "" {
			t.Errorf("%s: namespaceSelector (-want +got):\n%s", overlay, diff)
		}
	}
}

func TestBothOverlaysFitIntoOneCluster(t *testing.T) {
	taken := map[string]bool{}
	for overlay := range overlays {
		for _, object := range build(t, load(t), overlay) {
			key := Name(object) + " in " + object.GetNamespace()
			if taken[key] {
				t.Errorf("both overlays make %s", key)
			}
			taken[key] = true
		}
	}
}

// TestFluxAndArgoCDApplyTheSame: Flux applies the two parts of an overlay one after the other, Argo CD the whole.
func TestFluxAndArgoCDApplyTheSame(t *testing.T) {
	for overlay := range overlays {
		tree := load(t)
		parts := append(build(t, tree, overlay+"/platform"), build(t, tree, overlay+"/shop")...)
		if diff := DifferencesOfAll(build(t, tree, overlay), parts); len(diff) > 0 {
			t.Errorf("%s: its parts together differ from the whole: %q", overlay, diff)
		}
	}
}

// TestPodsFindWhatIsMadeForThem: labels and names that refer to each other do.
func TestPodsFindWhatIsMadeForThem(t *testing.T) {
	for overlay := range overlays {
		objects := build(t, load(t), overlay)
		workload := find(t, objects, "StatefulSet")
		sidecars := find(t, objects, "SidecarSet")
		got := map[string]any{
			"label that the SidecarSet selects": field(t, workload, "spec", "template", "metadata", "labels", "gateway"),
			"target of the SchedPatch":          field(t, find(t, objects, "SchedPatch"), "spec", "targetRef", "name"),
			"version of the target":             field(t, find(t, objects, "SchedPatch"), "spec", "targetRef", "apiVersion"),
			"Service of the StatefulSet":        field(t, workload, "spec", "serviceName"),
		}
		want := map[string]any{
			"label that the SidecarSet selects": field(t, sidecars, "spec", "selector", "matchLabels", "gateway"),
			"target of the SchedPatch":          workload.GetName(),
			"version of the target":             workload.GetAPIVersion(),
			"Service of the StatefulSet":        find(t, objects, "Service").GetName(),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", overlay, diff)
		}
	}
}

// TestNamesAndImagesCanBeChangedFromOutside: kustomizeconfig.yaml tells Kustomize what it does not know of our kinds.
func TestNamesAndImagesCanBeChangedFromOutside(t *testing.T) {
	tree := load(t)
	const outside = `
resources: [../production]
namePrefix: eu-
images:
  - {name: docker.io/nginxinc/nginx-unprivileged, newName: registry.example.com/nginx, newTag: "1"}
  - {name: ghcr.io/stefanprodan/podinfo, newName: registry.example.com/podinfo, newTag: "2"}
  - {name: registry.example.com/idle, newTag: "3"}
patches:
  - target: {kind: SidecarSet}
    patch: |-
      - op: add
        path: /spec/containers/0/upgradeStrategy
        value: {upgradeType: HotUpgrade, hotUpgradeEmptyImage: "registry.example.com/idle:1"}
`
	if err := tree.Write("overlays/outside/kustomization.yaml", outside); err != nil {
		t.Fatal(err)
	}
	objects := build(t, tree, "overlays/outside")
	workload, sidecars := find(t, objects, "StatefulSet"), find(t, objects, "SidecarSet")
	got := map[string]any{
		"StatefulSet": workload.GetName(),
		"its Service": field(t, workload, "spec", "serviceName"),
		"its image":   containers(t, workload, "spec", "template", "spec", "containers")[0]["image"],
		"target":      field(t, find(t, objects, "SchedPatch"), "spec", "targetRef", "name"),
		"sidecar":     containers(t, sidecars, "spec", "containers")[0]["image"],
		"idle":        containers(t, sidecars, "spec", "containers")[0]["upgradeStrategy"].(map[string]any)["hotUpgradeEmptyImage"],
	}
	want := map[string]any{
		"StatefulSet": "eu-ledger",
		"its Service": "eu-ledger",
		"its image":   "registry.example.com/podinfo:2",
		"target":      "eu-ledger",
		"sidecar":     "registry.example.com/nginx:1",
		"idle":        "registry.example.com/idle:3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestManifestsAreWhatTheAPIAccepts decodes every object strictly: a field of another name fails.
func TestManifestsAreWhatTheAPIAccepts(t *testing.T) {
	known := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(known), v1alpha1.AddToScheme(known), v1beta1.AddToScheme(known)); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	for overlay := range overlays {
		for _, object := range build(t, load(t), overlay) {
			text, err := object.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := decoder.Decode(text, nil, nil); err != nil {
				t.Errorf("%s: %s: %v", overlay, Name(object), err)
			}
		}
	}
}

// find returns the only object of a kind.
func find(t *testing.T, objects []*unstructured.Unstructured, kind string) *unstructured.Unstructured {
	t.Helper()
	var found []*unstructured.Unstructured
	for _, object := range objects {
		if object.GetKind() == kind {
			found = append(found, object)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects are of kind %s, not one", len(found), kind)
	}
	return found[0]
}

// field reads a field that must be there.
func field(t *testing.T, object *unstructured.Unstructured, path ...string) any {
	t.Helper()
	value, found, err := unstructured.NestedFieldNoCopy(object.Object, path...)
	if err != nil || !found {
		t.Fatalf("%s has no field %q: %v", Name(object), path, err)
	}
	return value
}

func containers(t *testing.T, object *unstructured.Unstructured, path ...string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, item := range field(t, object, path...).([]any) {
		out = append(out, item.(map[string]any))
	}
	return out
}
