// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"fmt"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// RenderChart makes the objects that GitOps tools sync when they install the chart with the values, which are YAML, as
// release windlass into windlass-system: all but its tests. The cluster has the kinds of Prometheus operator and
// cert-manager.
func RenderChart(directory string, values []byte) ([]*unstructured.Unstructured, error) {
	chart, err := loader.LoadDir(directory)
	if err != nil {
		return nil, fmt.Errorf("load the chart: %w", err)
	}
	given := map[string]any{}
	if err := yaml.Unmarshal(values, &given); err != nil {
		return nil, fmt.Errorf("read the values: %w", err)
	}
	capabilities := *chartutil.DefaultCapabilities
	capabilities.APIVersions = append(capabilities.APIVersions, "monitoring.coreos.com/v1", "cert-manager.io/v1")
	release := chartutil.ReleaseOptions{Name: "windlass", Namespace: "windlass-system", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, given, release, &capabilities)
	if err != nil {
		return nil, fmt.Errorf("render the chart: %w", err)
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, fmt.Errorf("render the chart: %w", err)
	}
	return objectsOf(files)
}

func objectsOf(files map[string]string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		for _, document := range releaseutil.SplitManifests(text) {
			if isEmpty(document) {
				continue
			}
			object, err := decodeObject([]byte(document))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if object.GetAnnotations()["helm.sh/hook"] == "" {
				objects = append(objects, object)
			}
		}
	}
	return objects, nil
}

// isEmpty reports whether a document consists of comments alone.
func isEmpty(document string) bool {
	for line := range strings.Lines(document) {
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "#") {
			return false
		}
	}
	return true
}
