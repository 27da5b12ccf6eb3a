// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// What was begun when somebody set maxUnavailable to 0 must not stay half done.
func TestHotUpgradesComeToTheirEndWhileMaxUnavailableIsZero(t *testing.T) {
	set := build.MakeSidecarSet("s").MaxUnavailable("3").Container("agent", "agent:1")
	set.Obj().Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
	}
	w := newRollout(t, 4, set).image("agent:2")
	carryOut(w.plan())
	for _, pod := range w.pods {
		build.RunContainers(pod)
	}
	w.set = w.set.DeepCopy()
	w.set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromInt32(0))
	for range 3 {
		plan := w.plan()
		if len(plan.Updates) != 0 || len(plan.Finishes) != 1 {
			t.Fatalf("%d Pods are updated, %d hot upgrades ended; want none and one at a time", len(plan.Updates), len(plan.Finishes))
		}
		carryOut(plan)
		if plan := w.plan(); len(plan.Finishes) != 0 {
			t.Fatal("the next one is ended before the kubelet is done with the last")
		}
		for _, pod := range w.pods {
			build.RunContainers(pod)
		}
	}
	if plan := w.plan(); len(plan.Finishes)+len(plan.Updates) != 0 || plan.Hold != HoldZero {
		t.Errorf("updates %d, finishes %d, hold %q", len(plan.Updates), len(plan.Finishes), plan.Hold)
	}
}

func TestNoDeadlineRunsWhileMaxUnavailableIsZero(t *testing.T) {
	w := newRollout(t, 2, build.MakeSidecarSet("s").MaxUnavailable("0")).image("agent:2")
	s, plan := w.snapshot(), w.plan()
	status, deadline := makeStatus(s, plan, &Outcome{})
	if deadline != 0 || status.Summary != v1beta1.ReasonMaxUnavailableZero {
		t.Errorf("deadline in %s, summary %q", deadline, status.Summary)
	}
}
