// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// resizing is a rollout of n Pods whose kubelets resize, and whose agent is to get other resources.
func resizing(t *testing.T, n int, from, to corev1.ResourceRequirements) *rollout {
	t.Helper()
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	set.Obj().Spec.Containers[0].Resources = from
	w := newRollout(t, n, set)
	reportResources(w.pods...)
	w.set = w.set.DeepCopy()
	w.set.Spec.Containers[0].Resources = to
	return w
}

// resize does to the Pods what a plan says, resources included.
func (w *rollout) resize(plan *Plan) {
	carryOut(plan)
	for _, u := range plan.Updates {
		u.View.Pod.Spec.Containers[0].Resources = *w.set.Spec.Containers[0].Resources.DeepCopy()
	}
}

// reportResources lets kubelets report the resources of Pods that the spec asks for.
func reportResources(pods ...*corev1.Pod) {
	for _, pod := range pods {
		for i := range pod.Status.ContainerStatuses {
			pod.Status.ContainerStatuses[i].Resources = pod.Spec.Containers[i].Resources.DeepCopy()
		}
	}
}

func guaranteed(cpu string) corev1.ResourceRequirements {
	amounts := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("16Mi")}
	return corev1.ResourceRequirements{Requests: amounts, Limits: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("16Mi"),
	}}
}

func requests(cpu string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}
}

// The Pod that would be the first to go is one that cannot.
func TestAResizeThatOnePodCannotTakeIsNamedAndKeepsNobodyWaiting(t *testing.T) {
	for name, test := range map[string]struct {
		from, to corev1.ResourceRequirements
		unlike   func(pod *corev1.Pod)
		want     string
	}{
		"all of it is Guaranteed": {guaranteed("100m"), guaranteed("50m"), func(pod *corev1.Pod) {
			pod.Spec.Containers[1].Resources = guaranteed("100m")
		}, "the Pod's QoS class would change from Guaranteed to Burstable"},
		"somebody gave its agent a lower limit": {requests("10m"), requests("50m"), func(pod *corev1.Pod) {
			pod.Spec.Containers[0].Resources.Limits = requests("20m").Requests
		}, "container agent of the Pod would request more cpu than its limit"},
		"its kubelet resizes nothing": {guaranteed("100m"), guaranteed("50m"), func(pod *corev1.Pod) {
			for i := range pod.Status.ContainerStatuses {
				pod.Status.ContainerStatuses[i].Resources = nil
			}
		}, "the kubelet of node node-1 resizes no containers"},
		"it is a Windows Pod": {guaranteed("100m"), guaranteed("50m"), func(pod *corev1.Pod) {
			pod.Spec.OS = &corev1.PodOS{Name: corev1.Windows}
		}, "a Windows Pod cannot be resized"},
	} {
		t.Run(name, func(t *testing.T) {
			w := resizing(t, 3, test.from, test.to)
			test.unlike(w.pods[2])
			for _, others := range []string{"web-1", "web-0"} {
				plan := w.plan()
				got := decisionOf(plan)
				if diff := cmp.Diff([]string{others}, got.Update); diff != "" {
					t.Fatalf("updated with maxUnavailable 1 (-want +got):\n%s", diff)
				}
				if len(plan.NotUpgradable) != 1 || plan.NotUpgradable[0].View.Pod.Name != "web-2" {
					t.Fatalf("not upgradable: %v", got.Limited)
				}
				if diff := cmp.Diff([]string{test.want}, plan.NotUpgradable[0].Why); diff != "" {
					t.Errorf("why (-want +got):\n%s", diff)
				}
				w.resize(plan)
				for _, pod := range w.pods[:2] {
					build.RunContainers(pod)
				}
				reportResources(w.pods[:2]...)
			}
			status := w.status()
			if c := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionUpdateLimited); c == nil ||
				!strings.Contains(c.Message, test.want) || !strings.Contains(c.Message, "default/web-2") {
				t.Errorf("UpdateLimited: %+v", c)
			}
			if c := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady); c.Status != metav1.ConditionTrue {
				t.Errorf("Ready: %+v", c)
			}
		})
	}
}

// status is what is reported when nothing is left to be done.
func (w *rollout) status() *v1beta1.SidecarSetStatus {
	plan := w.plan()
	status, _ := makeStatus(w.snapshotOf(plan), plan, &Outcome{})
	return status
}

func TestAResizeThatTheKubeletDoesNotMakeIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		condition corev1.PodCondition
		want      string
	}{
		"never on this node": {
			corev1.PodCondition{Type: corev1.PodResizePending, Reason: corev1.PodReasonInfeasible, Message: "Node didn't have enough capacity: cpu, requested: 50, capacity: 4"},
			"Pod default/web-0: its resize is not done: PodResizePending Infeasible: Node didn't have enough capacity: cpu, requested: 50, capacity: 4. ",
		},
		"not now": {
			corev1.PodCondition{Type: corev1.PodResizePending, Reason: corev1.PodReasonDeferred, Message: "Node didn't have enough resource: cpu"},
			"Pod default/web-0: its resize is not done: PodResizePending Deferred: Node didn't have enough resource: cpu. ",
		},
		"it tried and failed": {
			corev1.PodCondition{Type: corev1.PodResizeInProgress, Reason: corev1.PodReasonError, Message: "runtime says no"},
			"Pod default/web-0: its resize is not done: PodResizeInProgress Error: runtime says no. ",
		},
		"it is about it": {corev1.PodCondition{Type: corev1.PodResizeInProgress}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := resizing(t, 1, guaranteed("100m"), guaranteed("50m"))
			w.resize(w.plan())
			test.condition.Status = corev1.ConditionTrue
			w.pods[0].Status.Conditions = append(w.pods[0].Status.Conditions, test.condition)
			for _, kind := range []string{v1beta1.ConditionReady, v1beta1.ConditionReconciling} {
				got := meta.FindStatusCondition(w.status().Conditions, kind).Message
				want := test.want + "Waiting for the sidecars of 1 Pod: default/web-0."
				if kind == v1beta1.ConditionReconciling && test.want != "" {
					want = strings.TrimSpace(test.want)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", kind, diff)
				}
			}
		})
	}
}

// What the kubelet holds back keeps its share of maxUnavailable. It must not keep the Pod from the version that ends it.
func TestAPodWhoseResizeIsHeldBackGetsTheNextVersion(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1beta1.SidecarContainer)
		held   int
	}{
		"what it had":   {func(c *v1beta1.SidecarContainer) { c.Resources = requests("100m") }, 0},
		"less":          {func(c *v1beta1.SidecarContainer) { c.Resources = requests("200m") }, 1},
		"another image": {func(c *v1beta1.SidecarContainer) { c.Image = "agent:2" }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := resizing(t, 2, requests("100m"), requests("100"))
			w.record()
			first := w.plan()
			w.resize(first)
			held := first.Updates[0].View.Pod
			held.Status.Conditions = append(held.Status.Conditions, corev1.PodCondition{
				Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: corev1.PodReasonInfeasible,
			})
			if got := decisionOf(w.plan()).Update; len(got) > 0 {
				t.Fatalf("updated while a resize is held back: %v", got)
			}

			w.set = w.set.DeepCopy()
			test.change(&w.set.Spec.Containers[0])
			w.record()
			plan := w.plan()
			if diff := cmp.Diff([]string{held.Name}, decisionOf(plan).Update); diff != "" {
				t.Fatalf("updated with maxUnavailable 1 (-want +got):\n%s", diff)
			}
			w.resize(plan)
			build.RunContainers(held)
			if got := len(w.plan().HeldResizes); got != test.held {
				t.Errorf("%d resizes are said to be held back, want %d", got, test.held)
			}
		})
	}
}

// The webhook marks Pods with the revision that the status names, which is that of the version before until the status
// is written. What such a Pod has is told by its hash.
func TestAPodThatNamesAnEarlierRevisionThanItHasIsResized(t *testing.T) {
	w := resizing(t, 0, requests("10m"), requests("50m"))
	w.addPod("web-0", 0)
	reportResources(w.pods...)
	w.record()
	w.set = w.set.DeepCopy()
	w.set.Spec.Containers[0].Resources = requests("10m")
	w.record()
	plan := w.plan()
	if len(plan.Updates) != 1 || len(plan.Updates[0].Change.Resources) != 1 {
		t.Errorf("updates: %v, not upgradable: %v; want a resize", plan.Updates, plan.NotUpgradable)
	}
}
