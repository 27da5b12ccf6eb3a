// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

func TestFollowedTakesInWhatMatters(t *testing.T) {
	first := named("s")
	status := first.DeepCopy()
	status.Status.MatchedPods = 3
	canary := first.DeepCopy()
	canary.Annotations = canaryOf("base")
	spec := first.DeepCopy()
	spec.Generation++
	again := first.DeepCopy()
	again.UID = "another"
	for name, test := range map[string]struct {
		event func(*Followed)
		want  *v1beta1.SidecarSet
	}{
		"a status write changes nothing":              {func(f *Followed) { f.put(t.Context(), status) }, first},
		"an annotation may make it a canary":          {func(f *Followed) { f.put(t.Context(), canary) }, canary},
		"a new spec":                                  {func(f *Followed) { f.put(t.Context(), spec) }, spec},
		"a set deleted and created anew":              {func(f *Followed) { f.put(t.Context(), again) }, again},
		"a set that is deleted":                       {func(f *Followed) { f.remove(first) }, nil},
		"a set whose deletion the watch did not hear": {func(f *Followed) { f.remove(toolscache.DeletedFinalStateUnknown{Key: "s", Obj: first}) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			followed := &Followed{Stored: NewStored()}
			followed.put(t.Context(), first)
			test.event(followed)
			if got := followed.Get("s"); got != test.want {
				t.Errorf("stored (-want +got):\n%s", cmp.Diff(test.want, got))
			}
		})
	}
}
