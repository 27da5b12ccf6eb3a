// SPDX-License-Identifier: Apache-2.0

package podtemplate_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podtemplate"
)

func load(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Every recorded set must find the very revision that OpenKruise used for it, and no other one. Otherwise a takeover
// would roll it.
func TestRecordedStatefulSetsFindTheirRevisions(t *testing.T) {
	for name, prefix := range map[string]string{"as created": "created", "in mid-rollout": "midway"} {
		t.Run(name, func(t *testing.T) {
			var sets v1beta1.StatefulSetList
			var revisions appsv1.ControllerRevisionList
			load(t, "testdata/openkruise/"+prefix+"-statefulsets.json", &sets)
			load(t, "../sidecar/testdata/openkruise/"+prefix+"-revisions.json", &revisions)
			want, got := map[string][]string{}, map[string][]string{}
			for i := range sets.Items {
				set := &sets.Items[i]
				want[set.Name] = []string{set.Status.UpdateRevision}
				current := podtemplate.Defaulted(&set.Spec.Template)
				for j := range revisions.Items {
					r := &revisions.Items[j]
					if !metav1.IsControlledBy(r, set) {
						continue
					}
					recorded, err := podtemplate.Decode(r.Data.Raw)
					if err != nil {
						t.Fatal(err)
					}
					if podtemplate.Equal(podtemplate.Defaulted(recorded), current) {
						got[set.Name] = append(got[set.Name], r.Name)
					}
				}
			}
			if len(want) != 3 {
				t.Fatalf("%d sets were recorded", len(want))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("equal revisions (-want +got):\n%s", diff)
			}
		})
	}
}
