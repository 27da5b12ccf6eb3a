// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// unscheduled takes the node from a Pod, as if it had never had one.
func unscheduledPod(pod *corev1.Pod, reason string) {
	pod.Spec.NodeName = ""
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason, Message: "0/3 nodes are available"},
	}}
}

// endedPod is one whose application, a Job's, has ended while its sidecar runs on.
func endedPod(pod *corev1.Pod, now time.Time) {
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	status := &pod.Status.ContainerStatuses[1]
	status.Ready, status.State = false, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	build.SetReady(pod, false, now)
}

// agentRuns lets the kubelet start the sidecar anew, and nothing else.
func agentRuns(pod *corev1.Pod) {
	if pod.Spec.NodeName == "" {
		return
	}
	before := pod.Status.ContainerStatuses[1]
	build.RunContainers(pod)
	pod.Status.ContainerStatuses[1] = before
}

// Every Pod of these rollouts but web-1 is down for a reason of its own: it is updated at once, keeps nobody waiting,
// and is named in the end.
func TestPodsThatAreDownForOtherReasonsKeepNobodyWaiting(t *testing.T) {
	for name, test := range map[string]struct {
		down func(w *rollout, pod *corev1.Pod)
		lost bool
		want string
	}{
		"a Job's application has ended": {
			func(w *rollout, pod *corev1.Pod) { endedPod(pod, w.now) }, false, "default/web-0 (its container app has ended)",
		},
		"no node takes it": {
			func(_ *rollout, pod *corev1.Pod) { unscheduledPod(pod, corev1.PodReasonUnschedulable) }, false,
			"default/web-0 (no node takes it: 0/3 nodes are available (Unschedulable))",
		},
		"it is gated": {
			func(_ *rollout, pod *corev1.Pod) {
				pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}}
				unscheduledPod(pod, corev1.PodReasonSchedulingGated)
			}, false, "default/web-0 (it waits for its scheduling gates: example.com/quota)",
		},
		"its application is not ready": {
			func(w *rollout, pod *corev1.Pod) {
				pod.Status.ContainerStatuses[1].Ready = false
				build.SetReady(pod, false, w.now)
			}, false, "default/web-0 (container app is not ready)",
		},
		"its node does not report": {
			func(w *rollout, pod *corev1.Pod) { build.SetReady(pod, false, w.now) }, true, "default/web-0 (its node node-0 does not report)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRollout(t, 2, build.MakeSidecarSet("s"))
			test.down(w, w.pods[0])
			if test.lost {
				w.pods[0].Spec.NodeName, w.lost = "node-0", sets.New("node-0")
			}
			w.now = w.now.Add(time.Second)
			w.image("agent:2")
			if got := decisionOf(w.plan()); !slices.Equal(got.Update, []string{"web-0", "web-1"}) {
				t.Fatalf("updates %v, hold %q; want both", got.Update, got.Hold)
			}
			carryOut(w.plan())
			if !test.lost {
				agentRuns(w.pods[0])
			}
			agentRuns(w.pods[1])
			w.image("agent:3") // and the next version finds the same
			if got := decisionOf(w.plan()); !slices.Equal(got.Update, []string{"web-0", "web-1"}) {
				t.Fatalf("the next version updates %v, hold %q; want both", got.Update, got.Hold)
			}
			carryOut(w.plan())
			if !test.lost {
				agentRuns(w.pods[0])
			}
			agentRuns(w.pods[1])
			snapshot := w.snapshot()
			status := statusOf(snapshot, planOf(t, snapshot), &Outcome{})
			ready := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady)
			want := "All matched Pods that can be updated in place are at the current version. Not serving, but not because of the update: " + test.want + "."
			if ready.Status != metav1.ConditionTrue || ready.Message != want {
				t.Errorf("Ready=%s: %s\nwant     %s", ready.Status, ready.Message, want)
			}
			if meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionReconciling) {
				t.Error("it is still said to reconcile")
			}
		})
	}
}

// Its owner's own container takes the sidecar's port, say.
func TestASidecarThatNeverRanInAPodIsNotWaitedFor(t *testing.T) {
	w := newRollout(t, 2, build.MakeSidecarSet("s"))
	crash := func() {
		status := &w.pods[0].Status.ContainerStatuses[0]
		status.Ready, status.State = false, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		status.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}
		build.SetReady(w.pods[0], false, build.Epoch)
	}
	crash()
	w.image("agent:2")
	carryOut(w.plan())
	for _, pod := range w.pods {
		build.RunContainers(pod)
	}
	crash()
	w.now = w.now.Add(time.Minute)
	snapshot := w.snapshot()
	status := statusOf(snapshot, planOf(t, snapshot), &Outcome{})
	ready := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady)
	const want = "Not serving, but not because of the update: default/web-0 (container agent exited with 1"
	if ready.Status != metav1.ConditionTrue || !strings.Contains(ready.Message, want) {
		t.Errorf("Ready=%s: %s", ready.Status, ready.Message)
	}
	if meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReconciling) != nil {
		t.Error("it is still said to reconcile")
	}
}

func TestAPodThatCameWithTheVersionAndIsNotReadyKeepsNobodyWaiting(t *testing.T) {
	w := newRollout(t, 2, build.MakeSidecarSet("s")).image("agent:2")
	w.record()
	fresh := w.addPod("fresh", time.Hour)
	build.SetReady(fresh, false, w.now)
	if got := decisionOf(w.plan()).Update; !slices.Equal(got, []string{"web-1"}) {
		t.Errorf("updates %v, want web-1", got)
	}
}

func TestAPodWhoseNodeIsLostInMidUpdateKeepsNobodyWaiting(t *testing.T) {
	w := newRollout(t, 2, build.MakeSidecarSet("s")).image("agent:2")
	carryOut(w.plan())
	w.pods[1].Spec.NodeName = "node-0"
	build.SetReady(w.pods[1], false, w.now)
	if got := decisionOf(w.plan()).Update; len(got) != 0 {
		t.Errorf("updates %v while the node is there", got)
	}
	w.lost = sets.New("node-0")
	if got := decisionOf(w.plan()).Update; !slices.Equal(got, []string{"web-0"}) {
		t.Errorf("updates %v after the node is lost, want web-0", got)
	}
}

// One tenant's Pod does not pause the rollout of all.
func TestWhichFailuresPauseARollout(t *testing.T) {
	type pod struct{ namespace, workload string }
	for name, test := range map[string]struct {
		pods   []pod
		failed []int
		unborn bool // the Pods had never served
		want   bool
	}{
		"one Pod of one workload":                     {[]pod{{"a", "x"}, {"a", "x"}}, []int{0}, false, true},
		"one of two workloads":                        {[]pod{{"a", "x"}, {"a", "y"}}, []int{0}, false, false},
		"two Pods of one of two workloads":            {[]pod{{"a", "x"}, {"a", "x"}, {"a", "y"}}, []int{0, 1}, false, false},
		"both workloads":                              {[]pod{{"a", "x"}, {"a", "y"}}, []int{0, 1}, false, true},
		"two workloads in one of two namespaces":      {[]pod{{"a", "x"}, {"a", "y"}, {"b", "x"}}, []int{0, 1}, false, false},
		"both namespaces":                             {[]pod{{"a", "x"}, {"b", "x"}}, []int{0, 1}, false, true},
		"Pods that nobody made are one workload":      {[]pod{{"a", ""}, {"a", ""}}, []int{0}, false, true},
		"all, but they crashed before the update too": {[]pod{{"a", "x"}, {"b", "x"}}, []int{0, 1}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRollout(t, len(test.pods), build.MakeSidecarSet("s").MaxUnavailable("100%").Spec(func(s *v1beta1.SidecarSetSpec) {
				s.UpdateStrategy.AutoPauseOnFailure = true
				s.UpdateStrategy.MaxUnavailablePerWorkload = ptr.To(intstr.FromString("100%"))
			}))
			for i, p := range test.pods {
				w.pods[i].Namespace = p.namespace
				if p.workload != "" {
					hash := fmt.Sprint("h", i)
					w.pods[i].Labels["pod-template-hash"] = hash
					w.pods[i].OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: p.workload + "-" + hash, Controller: ptr.To(true)}}
				}
			}
			breakAll := func() {
				for _, i := range test.failed {
					status := &w.pods[i].Status.ContainerStatuses[0]
					status.Ready, status.State = false, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
					build.SetReady(w.pods[i], false, build.Epoch)
				}
			}
			if test.unborn {
				breakAll()
			}
			w.image("agent:2")
			carryOut(w.plan())
			for _, pod := range w.pods {
				build.RunContainers(pod)
			}
			if !test.unborn {
				w.now = w.now.Add(time.Second)
			}
			breakAll()
			w.now = w.now.Add(time.Minute)
			plan := w.plan()
			if got := failing(w.snapshot(), plan.Failed); got != test.want {
				t.Errorf("paused: %t, want %t; failed: %d", got, test.want, len(plan.Failed))
			}
		})
	}
}
