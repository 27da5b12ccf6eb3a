// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"testing"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestWhichChangesOfASetAreTakenIn(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1beta1.SidecarSet)
		want   bool
	}{
		"its generation":      {func(s *v1beta1.SidecarSet) { s.Generation++ }, true},
		"another set":         {func(s *v1beta1.SidecarSet) { s.UID = "another" }, true},
		"its latest revision": {func(s *v1beta1.SidecarSet) { s.Status.LatestRevision = "s-2" }, true},
		"its annotations": {func(s *v1beta1.SidecarSet) {
			s.Annotations = map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true"}
		}, true},
		"its labels": {func(s *v1beta1.SidecarSet) {
			s.Labels = map[string]string{v1beta1.SidecarSetCustomVersionLabel: "lts"}
		}, true},
		"not the counts of its status": {func(s *v1beta1.SidecarSet) { s.Status.MatchedPods = 7 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			known := &KnownSets{Index: sidecar.NewIndex()}
			object := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
			known.put(t.Context(), object)
			before := known.Get("s")
			object = object.DeepCopy()
			test.change(object)
			known.put(t.Context(), object)
			if got := known.Get("s") != before; got != test.want {
				t.Errorf("taken in: %t, want %t", got, test.want)
			}
		})
	}
}
