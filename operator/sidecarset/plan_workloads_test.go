// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/workload"
)

// limited is a set that takes what budgets per workload let it.
func limited(perWorkload string) *build.SidecarSetBuilder {
	return build.MakeSidecarSet("s").MaxUnavailable("100%").Spec(func(s *v1beta1.SidecarSetSpec) {
		if perWorkload != "" {
			s.UpdateStrategy.MaxUnavailablePerWorkload = ptr.To(intstr.Parse(perWorkload))
		}
	})
}

// deployed gives Pods to Deployments, in order: "cart:3 web:2" are web-0 to web-2 of cart, the other two of web.
func (w *rollout) deployed(to string) *rollout {
	w.t.Helper()
	i := 0
	for part := range strings.FieldsSeq(to) {
		name, n, _ := strings.Cut(part, ":")
		for range int(n[0] - '0') {
			ownedBy(w.pods[i], name)
			i++
		}
	}
	return w
}

// ownedBy makes a Pod one of a Deployment.
func ownedBy(pod *corev1.Pod, deployment string) {
	pod.Labels["pod-template-hash"] = "5f"
	pod.OwnerReferences = []metav1.OwnerReference{
		{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: deployment + "-5f", UID: types.UID(deployment), Controller: ptr.To(true)},
	}
}

// unready turns Pods so of their own accord.
func (w *rollout) unready(pods ...int) *rollout {
	for _, i := range pods {
		build.SetReady(w.pods[i], false, w.now)
	}
	return w
}

// updates names the Pods that a plan changes, in order.
func updates(plan *Plan) string { return strings.Join(decisionOf(plan).Update, " ") }

func TestHowManyOfAWorkloadMayBeDown(t *testing.T) {
	for name, test := range map[string]struct {
		rollout *rollout
		want    string // which Pods are updated
		waits   string
	}{
		"all but one, without the field": {
			newRollout(t, 3, limited("")).deployed("cart:3"), "web-2 web-1",
			"Later: 1 Pod. Deployment default/cart has 2 of 3 down (limit 2): 1, Pod default/web-0.",
		},
		"of two Pods one": {newRollout(t, 2, limited("")).deployed("cart:2"), "web-1",
			"Later: 1 Pod. Deployment default/cart has 1 of 2 down (limit 1): 1, Pod default/web-0."},
		"a workload of one Pod has none to keep": {newRollout(t, 2, limited("")).deployed("cart:1 web:1"), "web-1 web-0", ""},
		"Pods that nothing made are their own workloads": {
			newRollout(t, 3, limited("1")), "web-2 web-1 web-0", "",
		},
		"others are asked while one workload has none left": {
			newRollout(t, 6, limited("1")).deployed("cart:3 web:3"), "web-5 web-2",
			"Later: 4 Pods. Deployment default/cart has 1 of 3 down (limit 1): 2, Pod default/web-0 the first." +
				" Deployment default/web has 1 of 3 down (limit 1): 2, Pod default/web-3 the first.",
		},
		"a percentage rounds down":     {newRollout(t, 5, limited("50%")).deployed("cart:5"), "web-4 web-3", ""},
		"and lets one go at least":     {newRollout(t, 3, limited("10%")).deployed("cart:3"), "web-2", ""},
		"100 % is no limit":            {newRollout(t, 3, limited("100%")).deployed("cart:3"), "web-2 web-1 web-0", ""},
		"a number above what there is": {newRollout(t, 3, limited("7")).deployed("cart:3"), "web-2 web-1 web-0", ""},
		"Pods that are down count": {
			newRollout(t, 4, limited("1")).deployed("cart:4").unready(1), "web-1",
			"Later: 3 Pods. Deployment default/cart has 1 of 4 down (limit 1), not by this rollout: web-1: 3, Pod default/web-0 the first.",
		},
		"they go first, and cost nothing": {newRollout(t, 4, limited("2")).deployed("cart:4").unready(1), "web-1 web-3", ""},
		"the last one that serves stays": {newRollout(t, 2, limited("")).deployed("cart:2").unready(0), "web-0",
			"Later: 1 Pod. Deployment default/cart has 1 of 2 down (limit 1), not by this rollout: web-0: 1, Pod default/web-1."},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.rollout.image("agent:2")
			if got := updates(w.plan()); got != test.want {
				t.Errorf("updates %q, want %q", got, test.want)
			}
			if got := w.sentence(); test.waits != "" && got != test.waits {
				t.Errorf("got  %s\nwant %s", got, test.waits)
			}
		})
	}
}

func TestWhatCountsAsDownOfAWorkload(t *testing.T) {
	three := func() *rollout { return newRollout(t, 3, limited("1")).deployed("cart:3").image("agent:2") }
	for name, test := range map[string]struct {
		play  func(w *rollout, s *Snapshot)
		waits bool
	}{
		"nothing": {func(*rollout, *Snapshot) {}, false},
		"a Pod without the sidecars that is not ready": {func(w *rollout, s *Snapshot) {
			pod := build.MakePod("bare").Label("app", "web").Obj()
			ownedBy(pod, "cart")
			build.SetReady(pod, false, w.now)
			s.Uninjected = append(s.Uninjected, Uninjected{Pod: pod})
		}, true},
		"one that is": {func(w *rollout, s *Snapshot) {
			pod := build.MakePod("bare").Label("app", "web").Obj()
			ownedBy(pod, "cart")
			build.SetReady(pod, true, w.now)
			pod.Status.Phase = corev1.PodRunning
			s.Uninjected = append(s.Uninjected, Uninjected{Pod: pod})
		}, false},
		"one that was evicted and has no successor": {func(w *rollout, s *Snapshot) {
			s.Evicted = []Evicted{{Pod: "gone", Owner: "cart", At: w.now, Workload: workload.Of(w.pods[0]), Newest: metav1.NewTime(w.now)}}
		}, true},
		"one that was evicted and has had none for long": {func(w *rollout, s *Snapshot) {
			s.Evicted = []Evicted{{
				Pod: "gone", Owner: "cart", At: w.now.Add(-unreplacedFor), Workload: workload.Of(w.pods[0]), Newest: metav1.NewTime(w.now),
			}}
		}, false},
		"one that another set has just changed": {func(w *rollout, s *Snapshot) {
			changedByOther(w.pods[0])
			s.Matched[0] = sidecar.NewView(w.pods[0], s.Set)
		}, true},
		"one that is on its way to this set's version": {func(w *rollout, s *Snapshot) {
			w.update(0)
			s.Matched[0] = sidecar.NewView(w.pods[0], s.Set)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := three()
			s := w.snapshot()
			test.play(w, s)
			plan, err := makePlan(s)
			if err != nil {
				t.Fatal(err)
			}
			if got := updates(plan); (got == "") != test.waits {
				t.Errorf("updates %q; want that all wait: %t; %v", got, test.waits, waitsOf(plan))
			}
		})
	}
}

// changedByOther has a Pod's application changed by a StatefulSet, which its kubelet has not seen.
func changedByOther(pod *corev1.Pod) {
	pods.Find(pod, "app").Image = "app:2"
	pod.Annotations[v1beta1.InPlaceUpdateStateAnnotation] = fmt.Sprintf(
		`{"revision":"web-2","updateTimestamp":"2030-01-01T00:00:00Z","lastContainerStatuses":{"app":{"imageID":%q}}}`, build.ImageID("app:1"))
}

// update writes the set's version into one Pod.
func (w *rollout) update(i int) {
	w.t.Helper()
	view := sidecar.NewView(w.pods[i], w.compiled())
	change, err := w.compiled().Update(view, nil, metav1.NewTime(w.now))
	if err != nil {
		w.t.Fatal(err)
	}
	carryOut(&Plan{Updates: []UpdatePod{{View: view, Change: change}}})
}

// A change that restarts nothing takes nothing down.
func TestOnlyRestartsAskTheWorkload(t *testing.T) {
	for policy, want := range map[corev1.ResourceResizeRestartPolicy]string{
		corev1.NotRequired: "web-1 web-0", corev1.RestartContainer: "web-1",
	} {
		set := limited("1").Container("agent", "agent:1")
		agent := &set.Obj().Spec.Containers[0]
		agent.Resources = requests("10m")
		agent.ResizePolicy = []corev1.ContainerResizePolicy{{ResourceName: corev1.ResourceCPU, RestartPolicy: policy}}
		w := newRollout(t, 2, set).deployed("cart:2")
		reportResources(w.pods...)
		w.set = w.set.DeepCopy()
		w.set.Spec.Containers[0].Resources = requests("20m")
		if got := updates(w.plan()); got != want {
			t.Errorf("%s: updates %q, want %q", policy, got, want)
		}
	}
}

// Nothing is written into a Pod that another object is changing: it would be down with that, and charged to nobody.
func TestAPodThatAnotherObjectIsChangingWaits(t *testing.T) {
	for name, test := range map[string]struct {
		play func(pod *corev1.Pod, w *rollout)
		want string
	}{
		"a StatefulSet, and it is ready still": {func(pod *corev1.Pod, _ *rollout) { changedByOther(pod) }, "InFlight 1"},
		"a StatefulSet, and it does not serve": {func(pod *corev1.Pod, w *rollout) {
			changedByOther(pod)
			build.SetReady(pod, false, w.now)
		}, "InFlight 1"},
		"a StatefulSet that prepares it": {func(pod *corev1.Pod, _ *rollout) {
			pod.Labels[v1beta1.LifecycleStateLabel] = string(v1beta1.LifecycleStatePreparingUpdate)
		}, "InFlight 1"},
		"its container cannot run": {func(pod *corev1.Pod, w *rollout) {
			changedByOther(pod)
			build.SetReady(pod, false, w.now)
			for i := range pod.Status.ContainerStatuses {
				status := &pod.Status.ContainerStatuses[i]
				status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
			}
		}, ""},
		"it has no node": {func(pod *corev1.Pod, w *rollout) {
			changedByOther(pod)
			build.SetReady(pod, false, w.now)
			pod.Spec.NodeName = ""
		}, ""},
		"another set": {func(pod *corev1.Pod, w *rollout) {
			pods.Find(pod, "app").Image = "app:2"
			pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation] = fmt.Sprintf(
				`{"other":{"revision":"x","updateTimestamp":%q,"lastContainerStatuses":{"app":{"imageID":%q}}}}`,
				w.now.UTC().Format(time.RFC3339), build.ImageID("app:1"))
		}, "InFlight 1"},
		"another set whose hook is to let go of it": {func(pod *corev1.Pod, _ *rollout) {
			pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation] = `{"other":{"state":"PreparingUpdate","timestamp":"2030-01-01T00:00:00Z"}}`
		}, "InFlight 1"},
		"another set whose hook did": {func(pod *corev1.Pod, _ *rollout) {
			pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation] = `{"other":{"state":"Updated","timestamp":"2030-01-01T00:00:00Z"}}`
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRollout(t, 1, build.MakeSidecarSet("s"))
			test.play(w.pods[0], w)
			plan := w.image("agent:2").plan()
			if got := waitsOf(plan); got != test.want || (test.want == "") != (updates(plan) == "web-0") {
				t.Errorf("waits %q, want %q; updates %q", got, test.want, updates(plan))
			}
		})
	}
}

// A Pod on its way to minReadySeconds has its share of the workload: it may be given a newer version at once.
func TestAPodThatSettlesWaitsForNobodyButItself(t *testing.T) {
	for name, set := range map[string]*build.SidecarSetBuilder{"all but one": limited(""), "a limit": limited("1")} {
		t.Run(name, func(t *testing.T) {
			set.Spec(func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.MinReadySeconds = 3600 })
			w := newRollout(t, 2, set).deployed("cart:2").image("agent:bad")
			w.update(1)
			w.now = w.now.Add(time.Minute)
			build.RunContainers(w.pods[1])
			if got := updates(w.image("agent:3").plan()); got != "web-1" {
				t.Errorf("updates %q, want web-1; waits: %s", got, w.sentence())
			}
		})
	}
}
