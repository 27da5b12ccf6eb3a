package examples

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	list := p.Spec.ClusterResourceWhitelist
	if object.GetNamespace() != "" {
		list = p.Spec.NamespaceResourceWhitelist
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
		if object.GetNamespace() == "" && shop.permits(object) {
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
		if object.GetNamespace() == "" && windlass.permits(object) {
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
		object := decode(t, document)
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

// renderChart makes the objects that Argo CD syncs: all but the tests, which are hooks.
func renderChart(t *testing.T, values []byte) []*unstructured.Unstructured {
	t.Helper()
	chart, err := loader.LoadDir(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{}
	if err := yaml.Unmarshal(values, &given); err != nil {
		t.Fatal(err)
	}
	capabilities := *chartutil.DefaultCapabilities
	capabilities.APIVersions = append(capabilities.APIVersions, "monitoring.coreos.com/v1", "cert-manager.io/v1")
	release := chartutil.ReleaseOptions{Name: "windlass", Namespace: "windlass-system", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, given, release, &capabilities)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		for _, document := range releaseutil.SplitManifests(text) {
			if object := decode(t, document); len(object.Object) > 0 && object.GetAnnotations()["helm.sh/hook"] == "" {
				objects = append(objects, object)
			}
		}
	}
	return objects
}

func decode(t *testing.T, document string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return object
}
