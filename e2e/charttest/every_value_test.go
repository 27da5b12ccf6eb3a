// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chartutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/yaml"
)

// effect is what one value changes in the objects of the chart.
type effect struct {
	// given are values that are set before and after, such as the switch of what the value belongs to.
	given string
	// values set the one that the row is of.
	values string
	// want is what is found at a place afterwards, and not before: `Kind/name {.json.path}`, or policyFile and a path.
	// An object that is not there has "<none>".
	want map[string]string
	// unrendered says why a value changes no object; such a row has nothing else.
	unrendered string
}

// TestEveryValueChangesWhatItSays has a row for every value of values.yaml: a value without one fails, and so does a
// row that names no value, or one whose value has no effect.
func TestEveryValueChangesWhatItSays(t *testing.T) {
	effects := map[string]effect{}
	for _, group := range []map[string]effect{
		commonEffects, metricsEffects, programEffects("operator"), programEffects("webhook"), operatorEffects, webhookEffects, policyEffects,
		certificateEffects, clusterEffects,
	} {
		maps.Copy(effects, group)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(leaves(t))), slices.Sorted(maps.Keys(effects))); diff != "" {
		t.Errorf("values (-values.yaml +rows of this test):\n%s", diff)
	}
	for path, effect := range effects {
		if effect.unrendered != "" {
			continue
		}
		t.Run(path, func(t *testing.T) {
			given := effect.given
			if !strings.HasPrefix(path, "crds.") { // they are most of the chart, and take most of the time
				given = merged(t, "crds: {install: false}", given)
			}
			before, after := mustRender(t, given), mustRender(t, merged(t, given, effect.values))
			for place, want := range effect.want {
				if found := at(t, before, place); found == want {
					t.Errorf("%s is %s without the value already", place, found)
				}
				if diff := cmp.Diff(want, at(t, after, place)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", place, diff)
				}
			}
			if len(effect.want) == 0 {
				t.Error("the row expects nothing")
			}
		})
	}
}

// leaves are the paths of all values, as deep as the schema names properties.
func leaves(t *testing.T) map[string]bool {
	t.Helper()
	var values, schema map[string]any
	readYAML(t, "values.yaml", &values)
	readYAML(t, "values.schema.json", &schema)
	return valuePaths("", values, schema, schema["definitions"].(map[string]any))
}

// merged is what Helm makes of two files of values, the later one deciding.
func merged(t *testing.T, given, values string) string {
	t.Helper()
	all, err := yaml.Marshal(chartutil.CoalesceTables(valuesOf(t, values), valuesOf(t, given)))
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func valuesOf(t *testing.T, text string) map[string]any {
	t.Helper()
	values, err := parseValues(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return values
}

// at returns what is at a place, as text.
func at(t *testing.T, r *rendered, place string) string {
	t.Helper()
	name, path, _ := strings.Cut(place, " ")
	parsed := jsonpath.New(place).AllowMissingKeys(true)
	if err := parsed.Parse(path); err != nil {
		t.Fatalf("%s: %v", place, err)
	}
	content := contentOf(t, r, name)
	if content == nil {
		return "<none>"
	}
	var found bytes.Buffer
	if err := parsed.Execute(&found, content); err != nil {
		t.Fatalf("%s: %v", place, err)
	}
	return found.String()
}

// contentOf returns an object, or the content of the policy's file, or nil.
func contentOf(t *testing.T, r *rendered, name string) map[string]any {
	t.Helper()
	if name == policyFile {
		return decodeJSON(t, get[*corev1.ConfigMap](t, r, "windlass-sidecarset-policy").Data[policyFile])
	}
	for _, object := range r.objects {
		if object.GetObjectKind().GroupVersionKind().Kind+"/"+object.GetName() != name {
			continue
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	return nil
}

// set is YAML that sets the value at a dotted path.
func set(path, value string) string {
	var out strings.Builder
	for depth, key := range strings.Split(path, ".") {
		fmt.Fprintf(&out, "\n%s%s:", strings.Repeat("  ", depth), key)
	}
	return out.String() + " " + value + "\n"
}
