// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

const (
	retain    = v1beta1.SidecarSetRetainPatchPolicy
	overwrite = v1beta1.SidecarSetOverwritePatchPolicy
	mergeJSON = v1beta1.SidecarSetMergePatchJSONPatchPolicy
)

func patching(name string, policy v1beta1.SidecarSetPatchPolicyType, annotations map[string]string) *build.SidecarSetBuilder {
	return build.MakeSidecarSet(name).Container("agent-"+name, "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.PatchPodMetadata = []v1beta1.SidecarSetPatchPodMetadata{{PatchPolicy: policy, Annotations: annotations}}
	})
}

func TestPatchedAnnotations(t *testing.T) {
	type patched struct {
		Changes  map[string]string
		Warnings []string
	}
	one := func(value string) map[string]string { return map[string]string{"k": value} }
	for name, test := range map[string]struct {
		policy   v1beta1.SidecarSetPatchPolicyType
		existing map[string]string
		value    string
		want     patched
	}{
		"Retain writes what is missing":                      {retain, nil, "new", patched{Changes: one("new")}},
		"Retain keeps what is there":                         {retain, one("old"), "new", patched{}},
		"Retain keeps what is there and empty":               {retain, one(""), "new", patched{}},
		"no policy is Retain":                                {"", one("old"), "new", patched{}},
		"Overwrite writes what is missing":                   {overwrite, nil, "new", patched{Changes: one("new")}},
		"Overwrite replaces what is there":                   {overwrite, one("old"), "new", patched{Changes: one("new")}},
		"Overwrite changes nothing when it is the same":      {overwrite, one("same"), "same", patched{}},
		"a merge with nothing is the patch as it is written": {mergeJSON, nil, `{"b": 1, "a": 2}`, patched{Changes: one(`{"b": 1, "a": 2}`)}},
		"a merge with an empty value too":                    {mergeJSON, one(""), `{"a": 1}`, patched{Changes: one(`{"a": 1}`)}},
		"a merge with nothing drops its nulls":               {mergeJSON, nil, `{"a":null,"b":{"c":null}}`, patched{Changes: one(`{"b":{}}`)}},
		"a merge adds, replaces and removes":                 {mergeJSON, one(`{"a":1,"b":2,"c":3}`), `{"b":9,"c":null,"d":4}`, patched{Changes: one(`{"a":1,"b":9,"d":4}`)}},
		"a merge goes into objects":                          {mergeJSON, one(`{"a":{"b":1}}`), `{"a":{"c":2}}`, patched{Changes: one(`{"a":{"b":1,"c":2}}`)}},
		"a merge replaces lists":                             {mergeJSON, one(`{"a":[1,2]}`), `{"a":[null]}`, patched{Changes: one(`{"a":[null]}`)}},
		"a merge replaces what is no object":                 {mergeJSON, one(`[1]`), `{"a":1}`, patched{Changes: one(`{"a":1}`)}},
		"a merge with a plain value replaces all":            {mergeJSON, one(`{"a":1}`), `7`, patched{Changes: one(`7`)}},
		"a merge keeps large numbers and < as they are":      {mergeJSON, one(`{"a":12345678901234567890}`), `{"b":"<"}`, patched{Changes: one(`{"a":12345678901234567890,"b":"<"}`)}},
		"a merge that changes nothing formats nothing":       {mergeJSON, one(`{ "b":1, "a":2 }`), `{"a":2}`, patched{}},
		"a merge of what is no JSON is left out": {mergeJSON, one(`{}`), `{`, patched{Warnings: []string{
			"SidecarSet s leaves annotation k as it is: patchPodMetadata has a value that is no JSON, which MergePatchJson needs: unexpected EOF"}}},
		"a merge of two values is left out": {mergeJSON, nil, `{}{}`, patched{Warnings: []string{
			"SidecarSet s leaves annotation k as it is: patchPodMetadata has a value that is no JSON, which MergePatchJson needs: something follows the end of the value"}}},
		"a merge into what is no JSON is left out": {mergeJSON, one(`old`), `{}`, patched{Warnings: []string{
			"SidecarSet s leaves annotation k as it is: the Pod's value is no JSON, which MergePatchJson needs: invalid character 'o' looking for beginning of value"}}},
	} {
		t.Run(name, func(t *testing.T) {
			changes, warnings := sidecar.PatchedAnnotations(compile(t, patching("s", test.policy, one(test.value)).Obj()), test.existing)
			if diff := cmp.Diff(test.want, patched{changes, warnings}); diff != "" {
				t.Errorf("patched (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSeveralSetsPatchAnnotationsInTheOrderOfTheirNames(t *testing.T) {
	sets := []*sidecar.Set{
		compile(t, patching("c", overwrite, map[string]string{"last": "c", "kept": "c"}).Obj()),
		compile(t, patching("b", mergeJSON, map[string]string{"merged": `{"b":1}`, "broken": `{`}).Obj()),
		compile(t, patching("a", overwrite, map[string]string{"last": "a", "merged": `{"a":1}`}).Obj()),
	}
	pod := build.MakePod("p").New().Annotation("kept", "pod").Obj()
	injection := inject(t, pod, sets...)
	got := map[string]string{}
	for _, key := range []string{"last", "kept", "merged", "broken"} {
		got[key] = pod.Annotations[key]
	}
	if diff := cmp.Diff(map[string]string{"last": "c", "kept": "c", "merged": `{"a":1,"b":1}`, "broken": ""}, got); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if len(injection.Warnings) != 1 {
		t.Errorf("warnings %q, want one about the broken value", injection.Warnings)
	}
}

func TestPatchingTwiceIsPatchingOnce(t *testing.T) {
	values := rapid.SampledFrom([]string{`{"a":1}`, `{"a":null}`, `{"a":{"b":null,"c":1}}`, `[{"a":null}]`, `7`, `null`, `""`, `x`, ``})
	rapid.Check(t, func(t *rapid.T) {
		var patches []v1beta1.SidecarSetPatchPodMetadata
		for _, key := range []string{"k", "l"} {
			policy := rapid.SampledFrom([]v1beta1.SidecarSetPatchPolicyType{retain, overwrite, mergeJSON}).Draw(t, "policy")
			patches = append(patches, v1beta1.SidecarSetPatchPodMetadata{PatchPolicy: policy, Annotations: map[string]string{key: values.Draw(t, "value")}})
		}
		set, err := sidecar.Compile(build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.PatchPodMetadata = patches }).Obj())
		if err != nil {
			t.Fatal(err)
		}
		annotations := rapid.MapOf(rapid.SampledFrom([]string{"k", "l", "m"}), values).Draw(t, "existing")
		changes, _ := sidecar.PatchedAnnotations(set, annotations)
		for key, value := range changes {
			if annotations[key] == value && value != "" {
				t.Fatalf("%s is changed from %q to the same", key, value)
			}
			annotations[key] = value
		}
		if again, _ := sidecar.PatchedAnnotations(set, annotations); again != nil {
			t.Fatalf("%v patched into %v, and then again into %v", patches, annotations, again)
		}
	})
}
