// SPDX-License-Identifier: Apache-2.0

package schedpatch_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
)

func TestAbsent(t *testing.T) {
	target := &v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "ok"}
	const absent = "apps/v1 StatefulSet ok does not exist in namespace shop"
	for name, tc := range map[string]struct {
		near []schedpatch.Near
		want string
	}{
		"nothing is near": {nil, absent},
		"the same kind of another group, before all else": {
			[]schedpatch.Near{{"apps/v1", "StatefulSet", "okay"}, {"apps/v1", "Deployment", "ok"}, {"apps.kruise.io/v1beta1", "StatefulSet", "ok"}},
			absent + "; there is one of apps.kruise.io/v1beta1: set targetRef.apiVersion to it"},
		"another kind of the same name": {
			[]schedpatch.Near{{"apps/v1", "StatefulSet", "okay"}, {"apps.kruise.io/v1alpha1", "CloneSet", "ok"}},
			absent + "; there is a CloneSet of this name: set targetRef.apiVersion to apps.kruise.io/v1alpha1 and targetRef.kind to CloneSet"},
		"names that are near": {
			[]schedpatch.Near{{"apps/v1", "StatefulSet", "ok-1"}, {"apps/v1", "StatefulSet", "ok-2"}},
			absent + "; there is StatefulSet ok-1 or ok-2: if that is meant, set targetRef.name to it"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, schedpatch.Absent(target, "shop", tc.near)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNearNames(t *testing.T) {
	for name, tc := range map[string]struct {
		name  string
		names []string
		want  []string
	}{
		"a letter too many, too few, another, and two": {"checkout", []string{"checkouts", "chekout", "checkaut", "chekkaut"},
			[]string{"checkaut", "checkouts", "chekkaut"}},
		"a word at the end":             {"cart", []string{"cart-v2", "cart2-x", "carthage"}, []string{"cart-v2"}},
		"a word too many":               {"cart-v2", []string{"cart"}, []string{"cart"}},
		"short names differ too easily": {"db", []string{"dc", "db2", "web"}, nil},
		"not itself":                    {"checkout", []string{"checkout"}, nil},
		"three at most":                 {"db", []string{"db-4", "db-3", "db-2", "db-1"}, []string{"db-1", "db-2", "db-3"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, schedpatch.NearNames(tc.name, tc.names)); diff != "" {
				t.Errorf("near (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoKindIsTakenForItself(t *testing.T) {
	for _, kind := range schedpatch.Lookalikes(schema.GroupKind{Group: "apps", Kind: "StatefulSet"}) {
		if kind.Group == "apps" && kind.Kind == "StatefulSet" {
			t.Error("apps StatefulSet is a lookalike of itself")
		}
	}
	if got := len(schedpatch.Lookalikes(schema.GroupKind{Group: "x", Kind: "Y"})); got != 6 {
		t.Errorf("%d lookalikes of a kind of somebody else", got)
	}
}
