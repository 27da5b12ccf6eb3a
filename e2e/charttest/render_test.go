// SPDX-License-Identifier: Apache-2.0

// Package charttest renders the chart as Helm does, decodes what comes out into typed objects, and judges those.
package charttest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	sigsyaml "sigs.k8s.io/yaml"
)

const (
	chartDir  = "../../charts/windlass"
	namespace = "windlass-system"
)

// rendered is what `helm install` would send to the API server, and the notes it would print.
type rendered struct {
	objects []client.Object
	notes   string
	// text is all manifests as they were rendered, in the order of their file names.
	text string
}

// renderOptions says how to install; the zero value is `helm install windlass` into windlass-system without values.
type renderOptions struct {
	release   string
	namespace string
	values    string
}

// render renders the chart. It returns Helm's own error when Helm would refuse the values or the chart fails on
// purpose.
func render(t *testing.T, opts renderOptions) (*rendered, error) {
	t.Helper()
	return renderChart(t, loadChart(t), opts)
}

// renderChart is render for a chart that may be another version.
func renderChart(t *testing.T, loaded *chart.Chart, opts renderOptions) (*rendered, error) {
	t.Helper()
	files, err := renderFiles(loaded, opts)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	result := &rendered{}
	for _, name := range names {
		if strings.HasSuffix(name, "NOTES.txt") {
			result.notes = files[name]
			continue
		}
		result.text += files[name] + "\n"
		result.objects = append(result.objects, decode(t, name, files[name])...)
	}
	return result, nil
}

// mustRender renders values that have to be accepted.
func mustRender(t *testing.T, values string) *rendered {
	t.Helper()
	result, err := render(t, renderOptions{values: values})
	if err != nil {
		t.Fatalf("the chart was refused: %v", err)
	}
	return result
}

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	loaded, err := loader.LoadDir(chartDir)
	if err != nil {
		t.Fatalf("load the chart: %v", err)
	}
	return loaded
}

func renderFiles(loaded *chart.Chart, opts renderOptions) (map[string]string, error) {
	values, err := parseValues(opts.values)
	if err != nil {
		return nil, err
	}
	release := chartutil.ReleaseOptions{Name: opts.release, Namespace: opts.namespace, Revision: 1, IsInstall: true}
	if release.Name == "" {
		release.Name = "windlass"
	}
	if release.Namespace == "" {
		release.Namespace = namespace
	}
	all, err := chartutil.ToRenderValues(loaded, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(loaded, all)
}

func parseValues(text string) (map[string]any, error) {
	values := map[string]any{}
	err := sigsyaml.Unmarshal([]byte(text), &values)
	return values, err
}

// decoder knows every kind that the chart may contain, and refuses a field that Kubernetes does not know, or one that
// occurs twice. Kinds of our own are not among them: the chart must not contain one.
var decoder = sync.OnceValue(func() runtime.Decoder {
	known := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(known), apiextensionsv1.AddToScheme(known), monitoringv1.AddToScheme(known), cmapi.AddToScheme(known)); err != nil {
		panic(err)
	}
	return serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
})

// decode decodes every document of a manifest.
func decode(t *testing.T, name, manifest string) []client.Object {
	t.Helper()
	var objects []client.Object
	for _, document := range splitDocuments(manifest) {
		object, err := runtime.Decode(decoder(), document)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, document)
		}
		objects = append(objects, object.(client.Object))
	}
	return objects
}

// splitDocuments returns the documents of a YAML stream that hold more than comments and space.
func splitDocuments(manifest string) [][]byte {
	var documents [][]byte
	for document := range strings.SplitSeq("\n"+manifest, "\n---") {
		var content any
		if err := sigsyaml.Unmarshal([]byte(document), &content); err == nil && content == nil {
			continue
		}
		documents = append(documents, bytes.TrimSpace([]byte(document)))
	}
	return documents
}

// all returns the objects of one type.
func all[T client.Object](r *rendered) []T {
	var found []T
	for _, object := range r.objects {
		if typed, ok := object.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

// get returns the object of this type and name, and fails the test if there is none.
func get[T client.Object](t *testing.T, r *rendered, name string) T {
	t.Helper()
	for _, object := range all[T](r) {
		if object.GetName() == name {
			return object
		}
	}
	var none T
	t.Fatalf("there is no %T named %s", none, name)
	return none
}
