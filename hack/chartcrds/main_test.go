// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const (
	rawFolder   = "../../api/crds"
	chartFolder = "../../charts/windlass/templates/crds"
)

func TestTheChartHoldsTheDefinitionsOfToday(t *testing.T) {
	fresh := t.TempDir()
	if err := run("", rawFolder, fresh); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(t, fresh), contents(t, chartFolder)); diff != "" {
		t.Errorf("run make generate (-generated +in the chart):\n%s", diff)
	}
}

func TestTemplates(t *testing.T) {
	tests := map[string]struct {
		crds            map[string]any
		wantInstalled   bool
		wantAnnotations map[string]string
	}{
		"nothing is left when definitions are not to be installed": {
			crds: map[string]any{"install": false, "keep": true},
		},
		"a kept definition tells Helm so": {
			crds:          map[string]any{"install": true, "keep": true},
			wantInstalled: true,
			wantAnnotations: map[string]string{
				"helm.sh/resource-policy": "keep",
			},
		},
		"annotations of the user are added": {
			crds: map[string]any{"install": true, "keep": false, "annotations": map[string]any{
				"argocd.argoproj.io/sync-options": "Prune=false,ServerSideApply=true",
			}},
			wantInstalled: true,
			wantAnnotations: map[string]string{
				"argocd.argoproj.io/sync-options": "Prune=false,ServerSideApply=true",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for file, text := range contents(t, chartFolder) {
				rendered := render(t, text, test.crds)
				if !test.wantInstalled {
					if strings.TrimSpace(rendered) != "" {
						t.Errorf("%s is not empty:\n%s", file, rendered)
					}
					continue
				}
				got := definition(t, rendered)
				delete(got.Annotations, "controller-gen.kubebuilder.io/version")
				if diff := cmp.Diff(test.wantAnnotations, got.Annotations); diff != "" {
					t.Errorf("%s: annotations (-want +got):\n%s", file, diff)
				}
				if diff := cmp.Diff(map[string]string{"app": "windlass"}, got.Labels); diff != "" {
					t.Errorf("%s: labels (-want +got):\n%s", file, diff)
				}
				raw := definition(t, contents(t, rawFolder)[file])
				if diff := cmp.Diff(raw.Spec, got.Spec); diff != "" {
					t.Errorf("%s: the template changes the definition (-raw +rendered):\n%s", file, diff)
				}
			}
		})
	}
}

func TestBracesSurviveRendering(t *testing.T) {
	const line = `description: write {{ .Values.x }} or {{{a}}}, not { b }`
	if diff := cmp.Diff(line, render(t, escapeBraces(line), nil)); diff != "" {
		t.Errorf("rendered (-want +got):\n%s", diff)
	}
}

func TestRefineFails(t *testing.T) {
	tests := map[string]struct {
		schema apiextensionsv1.JSONSchemaProps
		want   string
	}{
		"when a field is gone": {
			schema: apiextensionsv1.JSONSchemaProps{Properties: map[string]schemaProps{"spec": {}}},
			want:   `version v1: spec: there is no field "containers" to refine`,
		},
		"when a list is none any more": {
			schema: apiextensionsv1.JSONSchemaProps{Properties: map[string]schemaProps{"spec": {Properties: map[string]schemaProps{
				"containers":       listOfObjects(),
				"initContainers":   listOfObjects(),
				"volumes":          {},
				"imagePullSecrets": {},
			}}}},
			want: `version v1: spec: field "imagePullSecrets" to refine is no list`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			crd := &apiextensionsv1.CustomResourceDefinition{}
			crd.Spec.Names.Kind = "SidecarSet"
			crd.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &test.schema},
			}}
			err := refine(crd)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVersionsShareWhatTheStoredOneHas(t *testing.T) {
	version := func(name string, root schemaProps) apiextensionsv1.CustomResourceDefinitionVersion {
		return apiextensionsv1.CustomResourceDefinitionVersion{
			Name: name, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &root},
		}
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	crd.Spec.Names.Kind = "Widget"
	if err := refine(crd); err == nil || err.Error() != "no version of Widget is the stored one" {
		t.Errorf("without a stored version: %v", err)
	}
	older := version("v1", schemaProps{Description: "older"})
	stored := version("v2", schemaProps{Description: "newer", Properties: map[string]schemaProps{"spec": {Type: "object"}}})
	stored.Storage = true
	stored.Subresources = &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}}
	stored.AdditionalPrinterColumns = []apiextensionsv1.CustomResourceColumnDefinition{{Name: "AGE"}}
	crd.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{older, stored}
	if err := refine(crd); err != nil {
		t.Fatal(err)
	}
	want := *stored.DeepCopy()
	want.Name, want.Storage, want.Schema.OpenAPIV3Schema.Description = "v1", false, "older"
	if diff := cmp.Diff([]apiextensionsv1.CustomResourceDefinitionVersion{want, stored}, crd.Spec.Versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}

func TestRunWithoutDefinitions(t *testing.T) {
	empty := t.TempDir()
	err := run(empty, t.TempDir(), t.TempDir())
	if err == nil || err.Error() != "no *.yaml in "+empty {
		t.Errorf("want an error that names the empty folder, got: %v", err)
	}
}

func listOfObjects() schemaProps {
	return schemaProps{Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &schemaProps{}}}
}

// render renders a template with the little of Helm that the templates use.
func render(t *testing.T, text string, crds map[string]any) string {
	t.Helper()
	parsed, err := template.New("").Funcs(template.FuncMap{
		"include": func(string, any) string { return "app: windlass" },
		"toYaml": func(value any) (string, error) {
			out, err := yaml.Marshal(value)
			return strings.TrimSuffix(string(out), "\n"), err
		},
		"nindent": func(spaces int, text string) string {
			pad := "\n" + strings.Repeat(" ", spaces)
			return pad + strings.ReplaceAll(text, "\n", pad)
		},
	}).Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, map[string]any{"Values": map[string]any{"crds": crds}}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func definition(t *testing.T, text string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict([]byte(text), crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

// contents are the YAML files of a folder by name.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", folder, err)
	}
	all := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = string(content)
	}
	return all
}
