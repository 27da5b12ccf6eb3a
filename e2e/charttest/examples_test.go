// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"errors"
	"os"
	"regexp"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

var (
	yamlInMarkdown = regexp.MustCompile("(?s)```yaml[^\n]*\n(.*?)```")
	yamlInNotes    = regexp.MustCompile(`(?s)<<EOF\n(.*?)\nEOF`)
)

// TestExamplesAreWhatTheAPIAccepts decodes every example that people will copy, strictly: a field of another name
// fails.
func TestExamplesAreWhatTheAPIAccepts(t *testing.T) {
	known := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(known), v1beta1.AddToScheme(known)); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()

	examples := map[string][]string{
		"README.md":  readmeExamples(t),
		"NOTES.txt":  submatches(yamlInNotes, mustRender(t, "").notes),
		"Chart.yaml": artifactHubExamples(t),
	}
	for source, manifests := range examples {
		if len(manifests) == 0 {
			t.Errorf("%s has no example; has its form changed?", source)
		}
		for _, manifest := range manifests {
			if _, _, err := decoder.Decode([]byte(manifest), nil, nil); err != nil {
				t.Errorf("%s: %v\n%s", source, err, manifest)
			}
		}
	}
}

func readmeExamples(t *testing.T) []string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return submatches(yamlInMarkdown, string(readme))
}

func artifactHubExamples(t *testing.T) []string {
	t.Helper()
	var examples []any
	if err := yaml.Unmarshal([]byte(loadChart(t).Metadata.Annotations["artifacthub.io/crdsExamples"]), &examples); err != nil {
		t.Fatal(err)
	}
	manifests := make([]string, 0, len(examples))
	for _, example := range examples {
		manifest, err := yaml.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, string(manifest))
	}
	return manifests
}

func submatches(pattern *regexp.Regexp, text string) []string {
	var found []string
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// An AppProject of Argo CD lists what may be installed: a kind that the chart brings and the list lacks makes the sync
// fail.
func TestTheExamplesProjectAllowsWhatTheChartBringsForTheWholeCluster(t *testing.T) {
	data, err := os.ReadFile("../../examples/argocd/appproject.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var project struct {
		Spec struct {
			ClusterResourceWhitelist []struct{ Group, Kind string }
		}
	}
	if err := yaml.Unmarshal(data, &project); err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{}
	for _, listed := range project.Spec.ClusterResourceWhitelist {
		allowed[listed.Kind+"."+listed.Group] = true
	}
	for _, object := range mustRender(t, "").objects {
		if kind := object.GetObjectKind().GroupVersionKind().GroupKind(); object.GetNamespace() == "" && !allowed[kind.String()] {
			t.Errorf("the project does not list %s, which the chart brings", kind)
		}
	}
}
