// SPDX-License-Identifier: Apache-2.0

package crds

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// maxSize keeps a definition well below the 262144 bytes of annotations that kubectl apply without --server-side may
// use.
const maxSize = 200_000

// facts are what clients and people rely on, by which a change shows here.
type facts struct {
	Scope      apiextensionsv1.ResourceScope
	Plural     string
	ShortNames []string
	Categories []string
	Conversion apiextensionsv1.ConversionStrategyType
	Served     []string
	Stored     []string
	Scale      *apiextensionsv1.CustomResourceSubresourceScale
	Columns    []string
	Wide       []string
}

func TestDefinitions(t *testing.T) {
	want := map[string]facts{
		"SidecarSet": {
			Scope:      apiextensionsv1.ClusterScoped,
			Plural:     "sidecarsets",
			Categories: []string{"windlass"},
			Conversion: apiextensionsv1.NoneConverter,
			Served:     []string{"v1alpha1", "v1beta1"},
			Stored:     []string{"v1beta1"},
			Columns: []string{
				"MATCHED .status.matchedPods", "UPDATED .status.updatedPods", "READY .status.readyPods",
				"AGE .metadata.creationTimestamp",
				"STATUS .status.summary", "SINCE .status.summarySince",
			},
			Wide: []string{
				"UNINJECTED .status.uninjectedPods", "STRATEGY .spec.updateStrategy.type", "PAUSED .spec.updateStrategy.paused",
				`REASON .status.conditions[?(@.type=="Ready")].reason`,
			},
		},
		"StatefulSet": {
			Scope:      apiextensionsv1.NamespaceScoped,
			Plural:     "statefulsets",
			ShortNames: []string{"asts"},
			Categories: []string{"windlass", "all"},
			Conversion: apiextensionsv1.NoneConverter,
			Served:     []string{"v1alpha1", "v1beta1"},
			Stored:     []string{"v1beta1"},
			Scale: &apiextensionsv1.CustomResourceSubresourceScale{
				SpecReplicasPath: ".spec.replicas", StatusReplicasPath: ".status.replicas", LabelSelectorPath: ptr(".status.labelSelector"),
			},
			Columns: []string{
				"DESIRED .spec.replicas", "CURRENT .status.replicas", "UPDATED .status.updatedReplicas", "READY .status.readyReplicas",
				"AGE .metadata.creationTimestamp",
				"STATUS .status.summary", "SINCE .status.summarySince",
			},
			Wide: []string{"CONTAINERS .spec.template.spec.containers[*].name", "IMAGES .spec.template.spec.containers[*].image"},
		},
		"SchedPatch": {
			Scope:      apiextensionsv1.NamespaceScoped,
			Plural:     "schedpatches",
			ShortNames: []string{"sp"},
			Categories: []string{"windlass", "all"},
			Conversion: apiextensionsv1.NoneConverter,
			Served:     []string{"v1alpha1"},
			Stored:     []string{"v1alpha1"},
			Columns: []string{
				"TARGET .spec.targetRef.name", "MODE .spec.mode", "MATCHED .status.matchedPods", "PATCHED .status.patchedPods",
				"SKIPPED .status.skippedPods", "EXPIRES .status.expiresAt", "AGE .metadata.creationTimestamp",
				"STATUS .status.summary", "SINCE .status.summarySince",
			},
			Wide: []string{"KIND .spec.targetRef.kind", `REASON .status.conditions[?(@.type=="Ready")].reason`},
		},
	}
	got := map[string]facts{}
	for _, definition := range definitions(t) {
		got[definition.Spec.Names.Kind] = factsOf(definition)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definitions (-want +got):\n%s", diff)
	}
}

func TestEveryVersionHasTheSameSchema(t *testing.T) {
	for _, definition := range definitions(t) {
		first := definition.Spec.Versions[0]
		for _, other := range definition.Spec.Versions[1:] {
			if diff := cmp.Diff(schema(first).Properties, schema(other).Properties); diff != "" {
				t.Errorf("%s: %s and %s differ, so that one would lose fields of the other (-%[2]s +%[3]s):\n%[4]s",
					definition.Name, first.Name, other.Name, diff)
			}
			if diff := cmp.Diff(first.AdditionalPrinterColumns, other.AdditionalPrinterColumns); diff != "" {
				t.Errorf("%s: columns of %s and %s differ:\n%s", definition.Name, first.Name, other.Name, diff)
			}
		}
	}
}

func TestStatus(t *testing.T) {
	for _, definition := range definitions(t) {
		for _, version := range definition.Spec.Versions {
			if version.Subresources == nil || version.Subresources.Status == nil {
				t.Errorf("%s %s has no status subresource", definition.Name, version.Name)
			}
			status := schema(version).Properties["status"]
			if diff := cmp.Diff(map[string]any{"observedGeneration": -1.0}, decode(t, status.Default)); diff != "" {
				t.Errorf("%s %s: default of status (-want +got):\n%s", definition.Name, version.Name, diff)
			}
			if len(status.Required) > 0 {
				t.Errorf("%s %s: status requires %v, so that a manifest with status: {} is refused", definition.Name, version.Name, status.Required)
			}
		}
	}
}

func TestSize(t *testing.T) {
	for _, name := range fileNames(t) {
		content, err := FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > maxSize {
			t.Errorf("%s has %d bytes, at most %d are allowed", name, len(content), maxSize)
		}
	}
}

func TestNoDefaultsInsideLists(t *testing.T) {
	for _, definition := range definitions(t) {
		for _, version := range definition.Spec.Versions {
			for _, path := range defaultsInLists(*schema(version), "", false) {
				t.Errorf("%s %s: %s has a default; GitOps tools would never see the list in sync", definition.Name, version.Name, path)
			}
		}
	}
}

func defaultsInLists(s apiextensionsv1.JSONSchemaProps, path string, inList bool) []string {
	var found []string
	if inList && s.Default != nil {
		found = append(found, path)
	}
	for name, property := range s.Properties {
		found = append(found, defaultsInLists(property, path+"."+name, inList)...)
	}
	if s.Items != nil && s.Items.Schema != nil {
		found = append(found, defaultsInLists(*s.Items.Schema, path+"[]", true)...)
	}
	return found
}

// A number that no program can read keeps the operator from seeing any object of the kind, so that none is stored. Those
// where no text may stand are bounded by their format.
func TestNumbersAreBoundedWhereTextMayStand(t *testing.T) {
	for _, definition := range definitions(t) {
		for _, version := range definition.Spec.Versions {
			for _, path := range unbounded(*schema(version), "") {
				t.Errorf("%s %s: %s takes any number", definition.Spec.Names.Kind, version.Name, path)
			}
		}
	}
}

func unbounded(s apiextensionsv1.JSONSchemaProps, path string) (out []string) {
	if s.XIntOrString && s.Pattern == "" && (s.Maximum == nil || s.Minimum == nil) {
		out = append(out, path)
	}
	for name, property := range s.Properties {
		out = append(out, unbounded(property, path+"."+name)...)
	}
	if s.Items != nil && s.Items.Schema != nil {
		out = append(out, unbounded(*s.Items.Schema, path+"[]")...)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		out = append(out, unbounded(*s.AdditionalProperties.Schema, path+"{}")...)
	}
	return out
}

func factsOf(definition *apiextensionsv1.CustomResourceDefinition) facts {
	f := facts{
		Scope:      definition.Spec.Scope,
		Plural:     definition.Spec.Names.Plural,
		ShortNames: definition.Spec.Names.ShortNames,
		Categories: definition.Spec.Names.Categories,
		Conversion: definition.Spec.Conversion.Strategy,
	}
	for _, version := range definition.Spec.Versions {
		if version.Served {
			f.Served = append(f.Served, version.Name)
		}
		if version.Storage {
			f.Stored = append(f.Stored, version.Name)
		}
		f.Scale = version.Subresources.Scale
	}
	for _, column := range definition.Spec.Versions[0].AdditionalPrinterColumns {
		text := column.Name + " " + column.JSONPath
		if column.Priority == 0 {
			f.Columns = append(f.Columns, text)
		} else {
			f.Wide = append(f.Wide, text)
		}
	}
	return f
}

func definitions(t *testing.T) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	names := fileNames(t)
	all := make([]*apiextensionsv1.CustomResourceDefinition, 0, len(names))
	for _, name := range names {
		content, err := FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(content, definition); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, definition)
	}
	return all
}

func fileNames(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(FS, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no definitions: %v, %v", names, err)
	}
	return names
}

func schema(version apiextensionsv1.CustomResourceDefinitionVersion) *apiextensionsv1.JSONSchemaProps {
	return version.Schema.OpenAPIV3Schema
}

func decode(t *testing.T, value *apiextensionsv1.JSON) map[string]any {
	t.Helper()
	if value == nil {
		return nil
	}
	decoded := map[string]any{}
	if err := json.Unmarshal(value.Raw, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func ptr[T any](value T) *T { return &value }
