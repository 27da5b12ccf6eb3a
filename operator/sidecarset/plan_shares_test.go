// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// refusing is a snapshot in which the API server has just refused a write to a Pod.
func refusing(s *Snapshot, pod types.UID, write string) *Snapshot {
	s.Refusals = refusal.Known{{Object: pod, Revision: refusalKey(s.Set, write)}: {Words: "no", Times: 1, At: s.Now, Until: s.Now.Add(1)}}
	return s
}

// That the API server refuses something else does not make a Pod serve that another object has just changed.
func TestAPodThatAnotherObjectChangesIsDownWhateverIsRefused(t *testing.T) {
	w := newRollout(t, 3, limited("")).deployed("cart:2 web:1").image("agent:2")
	changedByOther(w.pods[0])
	plan := planOf(t, refusing(w.snapshot(), w.pods[2].UID, writeUpdate))
	if got := updates(plan); got != "" {
		t.Errorf("updates %q, and web-1 is the last of its workload that serves", got)
	}
}

// A Pod that serves costs nothing while the API server refuses its update, though an earlier hot upgrade of it has not
// ended: the update would end that one.
func TestARefusedUpdateAfterAHalfHotUpgradeKeepsNoOtherWaiting(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	set.Obj().Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
	}
	w := newRollout(t, 2, set).image("agent:2")
	w.update(0)
	build.RunContainers(w.pods[0])
	w.image("agent:3")
	if view := sidecar.NewView(w.pods[0], w.compiled()); view.HotFinished() {
		t.Fatal("the hot upgrade has ended")
	}
	plan := planOf(t, refusing(w.snapshot(), w.pods[0].UID, writeUpdate))
	if got := updates(plan); got != "web-1" {
		t.Errorf("updates %q, want web-1", got)
	}
}

// owedResize is a rollout of one Pod whose last update has recorded a resize that was not written.
func owedResize(t *testing.T) *rollout {
	w := resizing(t, 1, requests("1"), requests("2"))
	w.record()
	view := sidecar.NewView(w.pods[0], w.compiled())
	change, err := w.compiled().Update(view, []string{"agent"}, metav1.NewTime(w.now))
	if err != nil {
		t.Fatal(err)
	}
	change.Resources = map[string]corev1.ResourceRequirements{} // the second write has failed
	carryOut(&Plan{Updates: []UpdatePod{{View: view, Change: change}}})
	w.set = w.set.DeepCopy()
	w.set.Spec.Containers[0].Image = "agent:2"
	w.record()
	return w
}

// What a Pod is owed of an earlier update is written with its next one, so that its kubelet's version matters for that.
func TestKubeletsAreReadWhereAResizeIsOwed(t *testing.T) {
	s := owedResize(t).snapshot()
	if view := s.Matched[0]; view.Updated() || !view.Upgradable() || len(view.OwedResizes()) == 0 {
		t.Fatalf("updated: %t, upgradable: %t, owed: %v", view.Updated(), view.Upgradable(), view.OwedResizes())
	}
	if !s.needsKubelets() {
		t.Error("nobody reads the versions of kubelets, and the Pod waits for one")
	}
}

func TestWhatOnePodIsOwedIsNotWrittenToAnother(t *testing.T) {
	view := owedResize(t).snapshot().Matched[0]
	ofAll := append(make([]string, 0, 2), "proxy") // the resizes of all Pods of a revision, with room for more
	if diff := cmp.Diff([]string{"proxy", "agent"}, withOwed(ofAll, view)); diff != "" {
		t.Errorf("resizes (-want +got):\n%s", diff)
	}
	if got := ofAll[:2][1]; got != "" {
		t.Errorf("%q is in the list that all Pods share", got)
	}
}
