// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/measured"
	"github.com/windlass-operator/windlass/operator/loop"
)

func TestWritesAreCountedByResult(t *testing.T) {
	before := measured.Series(t, "windlass_statefulset_writes_total")
	observe(&Outcome{
		Created: make([]CreatePod, 5), Deleted: make([]DeletePod, 4), Changed: []ChangePod{{Updates: true}, {}, {}}, Claimed: make([]ChangeClaim, 6), Owned: make([]OwnPod, 7),
		CreateErrors: []error{errors.New("a")}, InPlaceErrors: []error{errors.New("b")}, Stale: 3,
	})
	got := measured.Series(t, "windlass_statefulset_writes_total")
	for result := range got {
		got[result] -= before[result]
	}
	want := map[string]float64{
		`result="created"`: 5, `result="deleted"`: 4, `result="updated"`: 1, `result="changed"`: 2, `result="claimed"`: 6, `result="owned"`: 7,
		`result="failed"`: 2, `result="stale"`: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// reported is what a look says of a set whose status changes so.
func reported(set *v1beta1.StatefulSet, change func(status *v1beta1.StatefulSetStatus)) *loop.Report {
	status := set.Status.DeepCopy()
	change(status)
	r := statusReport(set, status)
	r.Pods = map[string]int{"wanted": 3}
	return r
}

func TestAStatusIsCounted(t *testing.T) {
	const name = "counted"
	set := build.MakeStatefulSet(name).Obj()
	set.Status.CurrentRevision, set.Status.UpdateRevision = "a", "a"
	rolls := func(status *v1beta1.StatefulSetStatus) {
		status.UpdateRevision, status.PausedSince = "b", &metav1.Time{Time: time.Unix(1000, 0)}
		status.Conditions = []metav1.Condition{{Type: v1beta1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1beta1.ReasonInvalidSpec}}
	}
	counted := func() map[string]float64 { return measured.Series(t, "windlass_statefulset_rollouts_total") }
	began := counted()
	observeStatus(reported(set, rolls), false, time.Unix(0, 0))
	if diff := cmp.Diff(began, counted()); diff != "" {
		t.Errorf("what is not written yet is counted (-before +after):\n%s", diff)
	}
	want := []string{"windlass_statefulset_paused_timestamp_seconds", "windlass_statefulset_pods", "windlass_statefulset_stalled"}
	if diff := cmp.Diff(want, measured.About(t, name)); diff != "" {
		t.Errorf("metrics of the set (-want +got):\n%s", diff)
	}
	observeStatus(reported(set, rolls), true, time.Unix(0, 0))
	if got := counted()[`phase="started"`] - began[`phase="started"`]; got != 1 {
		t.Errorf("%g rollouts have started, want 1", got)
	}
	rollouts.Forget(client.ObjectKeyFromObject(set))
}

func TestASetThatIsGoneLeavesNoSeries(t *testing.T) {
	const name = "gone"
	set := build.MakeStatefulSet(name).Obj()
	stuck := []metav1.Condition{{Type: v1beta1.ConditionStalled, Status: metav1.ConditionTrue}}
	observeStatus(reported(set, func(status *v1beta1.StatefulSetStatus) { status.Conditions = stuck }), true, time.Unix(0, 0))
	if len(measured.About(t, name)) == 0 {
		t.Fatal("it never had one")
	}
	controller := New(loop.Cluster{
		Client: build.EmptyCluster{}, Live: build.EmptyCluster{}, Clock: clock.RealClock{}, Recorder: events.NewFakeRecorder(1),
	}, Options{})
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(set)}); err != nil {
		t.Fatal(err)
	}
	if left := measured.About(t, name); len(left) > 0 {
		t.Errorf("series are left in %v", left)
	}
}
