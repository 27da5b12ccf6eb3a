// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// resizing is a rollout of n Pods whose kubelets resize, and whose agent is to get other resources.
func resizing(t *testing.T, n int, from, to corev1.ResourceRequirements, policies ...corev1.ContainerResizePolicy) *rollout {
	t.Helper()
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	set.Obj().Spec.Containers[0].Resources, set.Obj().Spec.Containers[0].ResizePolicy = from, policies
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

// says lets the kubelet of a Pod see its spec, and answer that it does not make the resize.
func says(pod *corev1.Pod, kind corev1.PodConditionType, reason, message string) {
	pod.Status.ObservedGeneration = pod.Generation
	pod.Status.Conditions = append(slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind }),
		corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: message})
}

// cpuRestarts lets a container restart when its cpu changes.
var cpuRestarts = corev1.ContainerResizePolicy{ResourceName: corev1.ResourceCPU, RestartPolicy: corev1.RestartContainer}

// A kubelet's answer ends the wait, unless the resize restarts a container at a time that nobody chooses, or the kubelet
// goes on trying.
func TestAKubeletsAnswerEndsTheWaitForAResize(t *testing.T) {
	const full = "Node didn't have enough resource: cpu, requested: 50, used: 10, capacity: 4"
	type want struct {
		// Settled: the share is back, the Pod counts, and the next one goes.
		Settled bool
		// Limited is the reason of UpdateLimited, Ready status and reason of Ready once all other Pods have it.
		Limited, Ready string
	}
	for name, test := range map[string]struct {
		policies []corev1.ContainerResizePolicy
		answer   func(*corev1.Pod)
		want     want
	}{
		"never on this node": {answer: func(p *corev1.Pod) { says(p, corev1.PodResizePending, corev1.PodReasonInfeasible, full) },
			want: want{true, "ResizeInfeasible", "True Complete"}},
		"never on this node, and it would restart": {[]corev1.ContainerResizePolicy{cpuRestarts}, func(p *corev1.Pod) { says(p, corev1.PodResizePending, corev1.PodReasonInfeasible, full) },
			want{true, "ResizeInfeasible", "True Complete"}},
		"not now": {answer: func(p *corev1.Pod) { says(p, corev1.PodResizePending, corev1.PodReasonDeferred, full) },
			want: want{true, "ResizeDeferred", "True Complete"}},
		"not now, and it restarts then": {[]corev1.ContainerResizePolicy{cpuRestarts}, func(p *corev1.Pod) { says(p, corev1.PodResizePending, corev1.PodReasonDeferred, full) },
			want{false, "", "False PodsUpdating"}},
		"it tried and failed": {answer: func(p *corev1.Pod) { says(p, corev1.PodResizeInProgress, corev1.PodReasonError, full) },
			want: want{false, "", "False PodsUpdating"}},
		"it is about it":  {answer: func(p *corev1.Pod) { says(p, corev1.PodResizeInProgress, "", "") }, want: want{false, "", "False PodsUpdating"}},
		"it says nothing": {answer: func(*corev1.Pod) {}, want: want{false, "", "False PodsUpdating"}},
		"an earlier answer": {answer: func(p *corev1.Pod) {
			says(p, corev1.PodResizePending, corev1.PodReasonInfeasible, full)
			p.Status.ObservedGeneration = p.Generation - 1
		}, want: want{false, "", "False PodsUpdating"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := resizing(t, 2, requests("100m"), requests("50"), test.policies...)
			first := w.plan()
			w.resize(first)
			held := first.Updates[0].View.Pod
			held.Generation = 3
			test.answer(held)
			second := w.plan()
			if got := len(second.Updates) == 1; got != test.want.Settled {
				t.Fatalf("the next Pod goes: %t, want %t", got, test.want.Settled)
			}
			w.resize(second)
			for _, u := range second.Updates {
				reportResources(u.View.Pod)
				build.RunContainers(u.View.Pod)
			}
			status := w.status()
			got := want{Settled: status.UpdatedReadyPods == 2, Ready: shortOf(status, v1beta1.ConditionReady)}
			if c := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionUpdateLimited); c != nil {
				got.Limited = c.Reason
				if wanted := held.Namespace + "/" + held.Name + " on node node-1 (" + full + ")"; !strings.Contains(c.Message, wanted) {
					t.Errorf("%q is not in %q", wanted, c.Message)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if limited := strings.HasPrefix(status.Summary, "Limited 1"); limited != (test.want.Limited != "") {
				t.Errorf("STATUS is %q", status.Summary)
			}
		})
	}
}

func shortOf(status *v1beta1.SidecarSetStatus, kind string) string {
	c := meta.FindStatusCondition(status.Conditions, kind)
	return string(c.Status) + " " + c.Reason
}

// What is awaited although the kubelet has answered is said first, with its reason.
func TestAResizeThatKeepsItsShareIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		kind         corev1.PodConditionType
		reason, want string
	}{
		"it restarts a container, not now": {corev1.PodResizePending, corev1.PodReasonDeferred,
			"Pod default/web-0: its resize is not done: PodResizePending Deferred: no room; a container is restarted when the kubelet " +
				"makes it, so the Pod keeps its share of maxUnavailable. Waiting for the sidecars of 1 Pod: default/web-0."},
		"it tried and failed": {corev1.PodResizeInProgress, corev1.PodReasonError,
			"Pod default/web-0: its resize is not done: PodResizeInProgress Error: no room. Waiting for the sidecars of 1 Pod: default/web-0."},
	} {
		t.Run(name, func(t *testing.T) {
			w := resizing(t, 1, requests("100m"), requests("50"), cpuRestarts)
			w.resize(w.plan())
			says(w.pods[0], test.kind, test.reason, "no room")
			if diff := cmp.Diff(test.want, meta.FindStatusCondition(w.status().Conditions, v1beta1.ConditionReady).Message); diff != "" {
				t.Errorf("Ready (-want +got):\n%s", diff)
			}
		})
	}
}

// Five Pods are named with what their kubelets say, the others counted; and it ends when the kubelet has done it.
func TestManyPodsThatGetNoResources(t *testing.T) {
	w := resizing(t, 7, requests("100m"), requests("50"))
	w.set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromString("100%"))
	w.resize(w.plan())
	for i, pod := range w.pods {
		says(pod, corev1.PodResizePending, corev1.PodReasonInfeasible, fmt.Sprintf("no room %d.", i))
	}
	limited := func() *metav1.Condition {
		return meta.FindStatusCondition(w.status().Conditions, v1beta1.ConditionUpdateLimited)
	}
	want := "7 Pods keep the resources that they had, since their nodes can never give them the new ones: default/web-0 on node node-1 (no room 0), " +
		"default/web-1 on node node-1 (no room 1), default/web-2 on node node-1 (no room 2), default/web-3 on node node-1 (no room 3), " +
		"default/web-4 on node node-1 (no room 4), and 2 more. To have those, a Pod has to be created anew, where there is room; or set less."
	if diff := cmp.Diff(want, limited().Message); diff != "" {
		t.Errorf("UpdateLimited (-want +got):\n%s", diff)
	}
	reportResources(w.pods...)
	for _, pod := range w.pods {
		pod.Status.Conditions = slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodResizePending })
	}
	if c := limited(); c != nil {
		t.Errorf("the kubelets have done it: %+v", c)
	}
}

// Whatever the kubelet holds back must not keep the Pod from the next version, its share or none.
func TestAPodWhoseResizeIsHeldBackGetsTheNextVersion(t *testing.T) {
	for name, test := range map[string]struct {
		kind   corev1.PodConditionType
		reason string
		change func(*v1beta1.SidecarContainer)
		held   int
	}{
		"never, then what it had":     {corev1.PodResizePending, "Infeasible", func(c *v1beta1.SidecarContainer) { c.Resources = requests("100m") }, 0},
		"never, then less":            {corev1.PodResizePending, "Infeasible", func(c *v1beta1.SidecarContainer) { c.Resources = requests("200m") }, 1},
		"never, then another image":   {corev1.PodResizePending, "Infeasible", func(c *v1beta1.SidecarContainer) { c.Image = "agent:2" }, 1},
		"not now, then another image": {corev1.PodResizePending, "Deferred", func(c *v1beta1.SidecarContainer) { c.Image = "agent:2" }, 1},
		"fails, then another image":   {corev1.PodResizeInProgress, "Error", func(c *v1beta1.SidecarContainer) { c.Image = "agent:2" }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := resizing(t, 1, requests("100m"), requests("100"))
			w.record()
			held := w.pods[0]
			w.resize(w.plan())
			says(held, test.kind, test.reason, "no room")
			w.set = w.set.DeepCopy()
			test.change(&w.set.Spec.Containers[0])
			w.record()
			plan := w.plan()
			if diff := cmp.Diff([]string{held.Name}, decisionOf(plan).Update); diff != "" {
				t.Fatalf("updated with maxUnavailable 1 (-want +got):\n%s", diff)
			}
			w.resize(plan)
			build.RunContainers(held)
			held.Status.ObservedGeneration = held.Generation
			if got := len(w.plan().HeldResizes); got != test.held {
				t.Errorf("%d resizes are said to be held back, want %d", got, test.held)
			}
		})
	}
}

// A kubelet that is too old is an obstacle; of one that nobody knows nothing is found out by trying.
func TestAPodWaitsWhereNobodyKnowsTheKubelet(t *testing.T) {
	type want struct {
		Update, Limited []string
		Waiting         []v1beta1.WaitingPods
	}
	waits := []v1beta1.WaitingPods{{Reason: "KubeletUnknown", Pods: 1, First: "default/web-0"}}
	old := func(version string) []string {
		return []string{"resources (kubelet " + version + " of node node-1 resizes no containers, 1.33.0 does)"}
	}
	native := build.MakeSidecarSet("s").Container("agent", "agent:1").NativeSidecar("mesh", "mesh:1")
	for name, test := range map[string]struct {
		w       *rollout
		kubelet string
		want    want
	}{
		"a resize, new enough":           {resizing(t, 1, requests("1"), requests("2")), "v1.33.0", want{Update: []string{"web-0"}}},
		"a resize, too old":              {resizing(t, 1, requests("1"), requests("2")), "v1.32.9", want{Limited: old("v1.32.9")}},
		"a resize, unknown":              {resizing(t, 1, requests("1"), requests("2")), "", want{Waiting: waits}},
		"a resize, unreadable":           {resizing(t, 1, requests("1"), requests("2")), "latest", want{Waiting: waits}},
		"an image, unknown":              {newRollout(t, 1, build.MakeSidecarSet("s").Container("agent", "agent:1")).image("agent:2"), "", want{Update: []string{"web-0"}}},
		"a native sidecar, unknown":      {newRollout(t, 1, native).nativeImage("mesh:2"), "", want{Waiting: waits}},
		"beside a native sidecar":        {newRollout(t, 1, native).image("agent:2"), "", want{Update: []string{"web-0"}}},
		"a resize of a Pod without node": {resizing(t, 1, requests("1"), requests("2")).withoutNode(), "", want{Update: []string{"web-0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.w.snapshot()
			s.Kubelets = map[string]string{"node-1": test.kubelet}
			plan, err := makePlan(s)
			if err != nil {
				t.Fatal(err)
			}
			got := want{Update: decisionOf(plan).Update, Waiting: listWaiting(plan)}
			for _, l := range plan.NotUpgradable {
				got.Limited = append(got.Limited, l.Why...)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func (w *rollout) withoutNode() *rollout {
	for _, pod := range w.pods {
		pod.Spec.NodeName = ""
	}
	return w
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
