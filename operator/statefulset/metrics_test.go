// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// series are the values of a metric as the program serves them, by the value of the last label.
func series(t *testing.T, name string) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := m.GetLabel()
			out[labels[len(labels)-1].GetValue()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

func TestWritesAreCountedByResult(t *testing.T) {
	results := []string{"created", "deleted", "updated", "changed", "claimed", "owned", "failed", "stale"}
	count := func() map[string]float64 {
		out := map[string]float64{}
		for _, result := range results {
			out[result] = series(t, "windlass_statefulset_writes_total")[result]
		}
		return out
	}
	before := count()
	observe(&Outcome{
		Created: make([]CreatePod, 5), Deleted: make([]DeletePod, 4), Changed: []ChangePod{{Updates: true}, {}, {}}, Claimed: make([]ChangeClaim, 6), Owned: make([]OwnPod, 7),
		CreateErrors: []error{errors.New("a")}, InPlaceErrors: []error{errors.New("b")}, Stale: 3,
	})
	got := count()
	for result := range got {
		got[result] -= before[result]
	}
	want := map[string]float64{"created": 5, "deleted": 4, "updated": 1, "changed": 2, "claimed": 6, "owned": 7, "failed": 2, "stale": 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestPhasesAreCountedWhenTheyBegin(t *testing.T) {
	status := func(current, update string, isStalled bool) v1beta1.StatefulSetStatus {
		s := v1beta1.StatefulSetStatus{CurrentRevision: current, UpdateRevision: update}
		if isStalled {
			s.Conditions = []metav1.Condition{{Type: v1beta1.ConditionStalled, Status: metav1.ConditionTrue}}
		}
		return s
	}
	for name, test := range map[string]struct {
		before, after v1beta1.StatefulSetStatus
		want          map[string]float64
	}{
		"a new set":               {status("", "", false), status("a", "a", false), map[string]float64{"started": 0, "completed": 0, "stalled": 0}},
		"a new revision":          {status("a", "a", false), status("a", "b", false), map[string]float64{"started": 1, "completed": 0, "stalled": 0}},
		"it goes on":              {status("a", "b", false), status("a", "b", false), map[string]float64{"started": 0, "completed": 0, "stalled": 0}},
		"it gets stuck":           {status("a", "b", false), status("a", "b", true), map[string]float64{"started": 0, "completed": 0, "stalled": 1}},
		"it stays stuck":          {status("a", "b", true), status("a", "b", true), map[string]float64{"started": 0, "completed": 0, "stalled": 0}},
		"it is given up for less": {status("a", "b", true), status("a", "c", false), map[string]float64{"started": 1, "completed": 0, "stalled": 0}},
		"it is complete":          {status("a", "b", false), status("b", "b", false), map[string]float64{"started": 0, "completed": 1, "stalled": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			count := func() map[string]float64 {
				out := map[string]float64{}
				for phase := range test.want {
					out[phase] = series(t, "windlass_statefulset_rollouts_total")[phase]
				}
				return out
			}
			before := count()
			set := build.MakeStatefulSet("web").Obj()
			set.Status = test.before
			observePhase(set, &test.after)
			got := count()
			for phase := range got {
				got[phase] -= before[phase]
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("phases (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyStalledSetsHaveASeries(t *testing.T) {
	web, db := types.NamespacedName{Namespace: "default", Name: "web"}, types.NamespacedName{Namespace: "default", Name: "db"}
	stuck := &v1beta1.StatefulSetStatus{Conditions: []metav1.Condition{{Type: v1beta1.ConditionStalled, Status: metav1.ConditionTrue}}}
	expect := func(when string, want int) {
		t.Helper()
		if got := len(series(t, "windlass_statefulset_stalled")); got != want {
			t.Errorf("%s: %d series, want %d", when, got, want)
		}
	}
	observeStalled(web, stuck)
	observeStalled(db, stuck)
	expect("both are stuck", 2)
	observeStalled(web, &v1beta1.StatefulSetStatus{})
	expect("one goes on", 1)
	forgetMetrics(db)
	expect("the other is deleted", 0)
}
