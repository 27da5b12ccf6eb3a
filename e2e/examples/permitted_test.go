// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"path"
	"path/filepath"
	"testing"

	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/yaml"
)

const (
	chartDir = "../../charts/windlass"
	argocd   = "../../examples/argocd"
)

// project is what an AppProject of Argo CD permits.
type project struct {
	Spec struct {
		ClusterResourceWhitelist, NamespaceResourceWhitelist []permission
	}
}

type permission struct{ Group, Kind, Name string }

// permits judges as Argo CD does: a cluster-scoped object by its name too, where the permission has one.
func (p project) permits(object *unstructured.Unstructured) bool {
	list := p.Spec.NamespaceResourceWhitelist
	if isClusterScoped(object) {
		list = p.Spec.ClusterResourceWhitelist
	}
	kind := object.GroupVersionKind().GroupKind()
	for _, allowed := range list {
		named := allowed.Name == ""
		if !named {
			named, _ = path.Match(allowed.Name, object.GetName())
		}
		if named && allowed.Group == kind.Group && allowed.Kind == kind.Kind {
			return true
		}
	}
	return false
}

// isClusterScoped knows the kinds of Kubernetes, those that Kustomize's table is too old for among them, and the only
// one of others that the examples and the chart make.
func isClusterScoped(object *unstructured.Unstructured) bool {
	kind := object.GroupVersionKind()
	if kind.Kind == "SidecarSet" || kind.Kind == "ValidatingAdmissionPolicy" || kind.Kind == "ValidatingAdmissionPolicyBinding" {
		return true
	}
	return resid.NewGvk(kind.Group, kind.Version, kind.Kind).IsClusterScoped()
}

func TestTheShopsProjectPermitsTheWorkloadsAndNotTheChart(t *testing.T) {
	shop := loadProject(t, "shop")
	for overlay := range overlays {
		for _, object := range build(t, load(t), overlay) {
			if !shop.permits(object) {
				t.Errorf("AppProject shop does not permit %s of %s", Name(object), overlay)
			}
		}
	}
	for _, object := range renderChart(t, nil) {
		if isClusterScoped(object) && shop.permits(object) {
			t.Errorf("AppProject shop permits %s of the chart", Name(object))
		}
	}
}

func TestTheChartsProjectPermitsTheChartWithWhateverValues(t *testing.T) {
	windlass := loadProject(t, "windlass")
	files, err := filepath.Glob(chartDir + "/ci/*-values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no values in %s/ci: %v", chartDir, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range renderChart(t, text) {
			if !windlass.permits(object) {
				t.Errorf("AppProject windlass does not permit %s, made with %s", Name(object), filepath.Base(file))
			}
		}
	}
	for _, object := range build(t, load(t), production) {
		if isClusterScoped(object) && windlass.permits(object) {
			t.Errorf("AppProject windlass permits %s, which is not part of the chart", Name(object))
		}
	}
}

func loadProject(t *testing.T, name string) project {
	t.Helper()
	text, err := os.ReadFile(argocd + "/appproject.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range releaseutil.SplitManifests(string(text)) {
		object, err := decodeObject([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		if object.GetName() != name {
			continue
		}
		found := project{}
		if err := yaml.Unmarshal([]byte(document), &found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	t.Fatalf("there is no AppProject %s", name)
	return project{}
}

func renderChart(t *testing.T, values []byte) []*unstructured.Unstructured {
	t.Helper()
	objects, err := RenderChart(chartDir, values)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
