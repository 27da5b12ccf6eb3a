// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/measured"
	"github.com/windlass-operator/windlass/operator/loop"
)

func TestSkippedPodsAreCountedWhileThereIsAPatch(t *testing.T) {
	const metric = "windlass_schedpatch_skipped_pods"
	spot := types.NamespacedName{Namespace: "shop", Name: "spot"}
	expect := func(when string, want map[string]float64) {
		t.Helper()
		if diff := cmp.Diff(want, measured.Series(t, metric)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	two := map[string]float64{`namespace="shop",schedpatch="spot"`: 2}
	observe(spot, &v1alpha1.SchedPatchStatus{SkippedPods: 2})
	expect("two Pods", two)
	observe(spot, &v1alpha1.SchedPatchStatus{})
	expect("none any more", map[string]float64{})
	observe(spot, &v1alpha1.SchedPatchStatus{SkippedPods: 2})
	expect("two again", two)
	controller := New(loop.Cluster{
		Client: build.EmptyCluster{}, Live: build.EmptyCluster{}, Clock: clock.RealClock{}, Recorder: events.NewFakeRecorder(1),
	}, nil, Options{})
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: spot}); err != nil {
		t.Fatal(err)
	}
	expect("the patch is gone", map[string]float64{})
}
