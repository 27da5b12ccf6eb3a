// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"path"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	repository = "../.."
	publicURL  = "https://github.com/windlass-operator/windlass"
)

// examplesTree holds all of examples/, for what refers from one directory of it to another.
func examplesTree(t *testing.T) *Tree {
	t.Helper()
	tree, err := Load(repository + "/examples")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestApplicationsReferToWhatIsThere(t *testing.T) {
	objects := build(t, examplesTree(t), "argocd")
	projects := names(objects, "AppProject")
	applications := ofKind(objects, "Application")
	if len(applications) != 2 {
		t.Fatalf("there are %d Applications, not 2", len(applications))
	}
	for _, application := range applications {
		if got := field(t, application, "spec", "project"); !slices.Contains(projects, got.(string)) {
			t.Errorf("%s is in project %q; there are %q", Name(application), got, projects)
		}
		if got := field(t, application, "spec", "source", "repoURL"); got != publicURL {
			t.Errorf("%s comes from %s", Name(application), got)
		}
		mustExist(t, application, field(t, application, "spec", "source", "path").(string))
	}
	for _, p := range ofKind(objects, "AppProject") {
		if got := field(t, p, "spec", "sourceRepos").([]any); !slices.Contains(got, any(publicURL)) {
			t.Errorf("%s does not allow our repository: %q", Name(p), got)
		}
	}
}

func TestFluxObjectsReferToWhatIsThere(t *testing.T) {
	tree := examplesTree(t)
	objects := append(build(t, tree, "flux"), build(t, tree, "flux/windlass")...)
	sources, kustomizations := names(objects, "GitRepository"), names(objects, "Kustomization")
	for _, kustomization := range ofKind(objects, "Kustomization") {
		directory := field(t, kustomization, "spec", "path").(string)
		mustExist(t, kustomization, directory)
		if got := field(t, kustomization, "spec", "sourceRef", "name").(string); !slices.Contains(sources, got) {
			t.Errorf("%s has source %q; there are %q", Name(kustomization), got, sources)
		}
		for _, dependency := range list(kustomization, "spec", "dependsOn") {
			if !slices.Contains(kustomizations, dependency["name"].(string)) {
				t.Errorf("%s depends on %q; there are %q", Name(kustomization), dependency["name"], kustomizations)
			}
		}
		for _, check := range list(kustomization, "spec", "healthChecks") {
			made := names(built(t, directory), check["kind"].(string))
			if !slices.Contains(made, check["name"].(string)) {
				t.Errorf("%s waits for %s %q; its path makes %q", Name(kustomization), check["kind"], check["name"], made)
			}
		}
		for _, check := range list(kustomization, "spec", "healthCheckExprs") {
			if made := ofKind(built(t, directory), check["kind"].(string)); len(made) == 0 || made[0].GetAPIVersion() != check["apiVersion"] {
				t.Errorf("%s has an expression for %s %s, which its path does not make", Name(kustomization), check["apiVersion"], check["kind"])
			}
		}
	}
	release := find(t, objects, "HelmRelease")
	mustExist(t, release, field(t, release, "spec", "chart", "spec", "chart").(string)+"/Chart.yaml")
	if got := field(t, release, "spec", "chart", "spec", "sourceRef", "name").(string); !slices.Contains(sources, got) {
		t.Errorf("%s has source %q; there are %q", Name(release), got, sources)
	}
}

// built makes the objects of a directory that is named from the root of the repository.
func built(t *testing.T, directory string) []*unstructured.Unstructured {
	t.Helper()
	below := path.Clean(directory)[len("examples/"):]
	return build(t, examplesTree(t), below)
}

func mustExist(t *testing.T, object *unstructured.Unstructured, below string) {
	t.Helper()
	if _, err := os.Stat(path.Join(repository, below)); err != nil {
		t.Errorf("%s refers to %s, which is not in the repository", Name(object), below)
	}
}

func ofKind(objects []*unstructured.Unstructured, kind string) []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(objects), func(o *unstructured.Unstructured) bool { return o.GetKind() != kind })
}

func names(objects []*unstructured.Unstructured, kind string) []string {
	var out []string
	for _, object := range ofKind(objects, kind) {
		out = append(out, object.GetName())
	}
	return out
}

// list reads a list of maps, which may be missing.
func list(object *unstructured.Unstructured, at ...string) []map[string]any {
	items, _, _ := unstructured.NestedSlice(object.Object, at...)
	var out []map[string]any
	for _, item := range items {
		out = append(out, item.(map[string]any))
	}
	return out
}
