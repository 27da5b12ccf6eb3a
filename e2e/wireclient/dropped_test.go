// SPDX-License-Identifier: Apache-2.0

package wireclient

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	kruisev1alpha1 "github.com/openkruise/kruise-api/apps/v1alpha1"
	kruisev1beta1 "github.com/openkruise/kruise-api/apps/v1beta1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/dropped"
)

// What a program built with OpenKruise's types takes out of an object, by reading it and writing it back, is what its
// writer is told of, field by field.
func TestEveryFieldThatTheTypesDropIsNamed(t *testing.T) {
	sets, statefulSets := &v1beta1.SidecarSet{}, &v1beta1.StatefulSet{}
	newFiller(nil, nil).fill(&sets.Spec)
	newFiller(nil, nil).fill(&statefulSets.Spec)
	sets.Spec.NamespaceSelector = nil // or it would be what the namespace is replaced by
	for name, test := range map[string]struct {
		object, types any
		warnings      func(written []byte) []string
	}{
		"SidecarSet v1alpha1": {sets, &kruisev1alpha1.SidecarSet{}, func(w []byte) []string { return dropped.FromSidecarSet("v1alpha1", w, sets) }},
		"StatefulSet v1alpha1": {statefulSets, &kruisev1alpha1.StatefulSet{}, func(w []byte) []string {
			return dropped.FromStatefulSet("v1alpha1", w, statefulSets)
		}},
		"StatefulSet v1beta1": {statefulSets, &kruisev1beta1.StatefulSet{}, func(w []byte) []string {
			return dropped.FromStatefulSet("v1beta1", w, statefulSets)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			read := encode(t, test.object)
			if err := json.Unmarshal(read, test.types); err != nil {
				t.Fatal(err)
			}
			written := encode(t, test.types)
			lost := missing(specOf(t, read), specOf(t, written), "")
			warnings := test.warnings(written)
			if len(warnings) != 1 || len(lost) == 0 {
				t.Fatalf("%q, lost %v", warnings, lost)
			}
			for _, path := range lost {
				if !strings.Contains(warnings[0], " "+path+" (was ") {
					t.Errorf("spec.%s is dropped and not named", path)
				}
			}
			if told := strings.Count(warnings[0], " (was "); told != len(lost) {
				t.Errorf("%d fields are named, %d are dropped: %v\n%s", told, len(lost), lost, warnings[0])
			}
		})
	}
}

func encode(t *testing.T, object any) []byte {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func specOf(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var object struct {
		Spec map[string]any `json:"spec"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	return object.Spec
}

// missing are the paths of fields that are in one and not in the other, without what is in lists.
func missing(from, in any, path string) (out []string) {
	before, after := asMap(from), asMap(in)
	if before == nil || after == nil {
		return nil
	}
	for key, value := range before {
		at := strings.TrimPrefix(path+"."+key, ".")
		if _, found := after[key]; !found {
			out = append(out, at)
			continue
		}
		out = append(out, missing(value, after[key], at)...)
	}
	slices.Sort(out)
	return out
}

func asMap(value any) map[string]any {
	fields, _ := value.(map[string]any)
	return fields
}
