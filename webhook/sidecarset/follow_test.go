// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// unreadable is a selector with an operator that does not exist.
var unreadable = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}

func TestTheLatestStateOfASetIsKnown(t *testing.T) {
	// known says which states of a set are injected and compared with others: the one after the change, or none. The one
	// before it is not kept, whatever has changed.
	type known struct{ Injected, Compared string }
	after, neither := known{"second", "second"}, known{}
	for name, test := range map[string]struct {
		change func(*v1beta1.SidecarSet)
		want   known
	}{
		"its generation":      {func(s *v1beta1.SidecarSet) { s.Generation++ }, after},
		"another set":         {func(s *v1beta1.SidecarSet) { s.UID = "another" }, after},
		"its latest revision": {func(s *v1beta1.SidecarSet) { s.Status.LatestRevision = "s-2" }, after},
		"its annotations":     {func(s *v1beta1.SidecarSet) { s.Annotations = canaryOf("base") }, after},
		"its labels": {func(s *v1beta1.SidecarSet) {
			s.Labels = map[string]string{v1beta1.SidecarSetCustomVersionLabel: "lts"}
		}, after},
		"the counts of its status": {func(s *v1beta1.SidecarSet) { s.Status.MatchedPods = 7 }, after},
		"a spec that cannot be injected": {func(s *v1beta1.SidecarSet) {
			s.Generation++
			s.Spec.UpdateStrategy.Selector = unreadable
		}, known{Compared: "second"}},
		"a spec that can be for no Pod": {func(s *v1beta1.SidecarSet) {
			s.Generation++
			s.Spec.Selector = unreadable
		}, neither},
	} {
		t.Run(name, func(t *testing.T) {
			first := named("s")
			second := first.DeepCopy()
			test.change(second)
			followed := NewFollowed()
			followed.Put(t.Context(), first)
			followed.Put(t.Context(), second)
			which := map[*v1beta1.SidecarSet]string{first: "first", second: "second"}
			got := known{Compared: which[followed.Stored.Get("s")]}
			if set := followed.Index.Get("s"); set != nil {
				got.Injected = which[set.Object]
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("known (-want +got):\n%s", diff)
			}
		})
	}
}

func TestASetThatIsGoneIsForgotten(t *testing.T) {
	followed := NewFollowed()
	followed.Put(t.Context(), named("s"))
	followed.Delete(named("s"))
	if followed.Index.Get("s") != nil || followed.Stored.Get("s") != nil {
		t.Error("it is still known")
	}
}

func TestOfAStatusTheRevisionsAreKept(t *testing.T) {
	set := named("s")
	set.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "helm"}}
	set.Status = v1beta1.SidecarSetStatus{MatchedPods: 7, LatestRevision: "s-2", CollisionCount: ptr.To[int32](1)}
	got, err := Trim(set)
	if err != nil {
		t.Fatal(err)
	}
	want := named("s")
	want.Status = v1beta1.SidecarSetStatus{LatestRevision: "s-2", CollisionCount: ptr.To[int32](1)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	gone := toolscache.DeletedFinalStateUnknown{Key: "s"}
	if got, err := Trim(gone); err != nil || got != any(gone) {
		t.Errorf("a tombstone becomes %v, %v", got, err)
	}
}
