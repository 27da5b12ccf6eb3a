// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// story is a Pod through an update of its one sidecar, agent, and what comes after.
type story struct {
	t   *testing.T
	pod *corev1.Pod
	set *sidecar.Set
	now time.Time
}

func newStory(t *testing.T) *story {
	t.Helper()
	object := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	s := &story{t: t, pod: build.MakePod("p").New().Obj(), set: compile(t, object), now: build.Epoch.Add(time.Hour)}
	inject(t, s.pod, s.set)
	return s
}

// running lets the kubelet run what the spec says, the Pod ready or not.
func (s *story) running(ready bool) *story {
	s.pod.Spec.NodeName = "node-1"
	if s.pod.Status.StartTime == nil {
		s.pod.Status.StartTime = &metav1.Time{Time: s.now}
	}
	build.RunContainers(s.pod)
	for i := range s.pod.Status.ContainerStatuses {
		if running := s.pod.Status.ContainerStatuses[i].State.Running; running.StartedAt.IsZero() {
			running.StartedAt = metav1.NewTime(s.now)
		}
	}
	return s.ready(ready)
}

// ready turns the Ready condition, unless it is so already.
func (s *story) ready(ready bool) *story {
	if sidecar.NewView(s.pod, s.set).Ready() != ready || len(s.pod.Status.Conditions) == 0 {
		build.SetReady(s.pod, ready, s.now)
	}
	return s
}

func (s *story) later(by time.Duration) *story {
	s.now = s.now.Add(by)
	return s
}

// update writes an image of the sidecar into the Pod.
func (s *story) update(image string) *story {
	s.t.Helper()
	object := s.set.Object.DeepCopy()
	object.Spec.Containers[0].Image = image
	s.set = compile(s.t, object)
	change, err := s.set.Update(sidecar.NewView(s.pod, s.set), nil, metav1.NewTime(s.now))
	if err != nil {
		s.t.Fatal(err)
	}
	carryOut(s.pod, change)
	return s
}

// unknown makes the record one of a writer that did not say whether the Pod served.
func (s *story) unknown() *story {
	text := s.pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation]
	text = strings.NewReplacer(`,"served":true`, "", `,"served":false`, "").Replace(text)
	if i := strings.Index(text, `,"notReadySince"`); i >= 0 {
		text = text[:i] + "}}"
	}
	s.pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation] = text
	return s
}

// broken is a container that cannot run.
func (s *story) broken(name string) *story { return s.state(name, "CrashLoopBackOff", 0) }

func (s *story) ended(name string, policy corev1.RestartPolicy, exitCode int32) *story {
	s.pod.Spec.RestartPolicy = policy
	return s.state(name, "", exitCode)
}

func (s *story) state(name, waiting string, exitCode int32) *story {
	for i := range s.pod.Status.ContainerStatuses {
		if status := &s.pod.Status.ContainerStatuses[i]; status.Name == name {
			status.Ready, status.State = false, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: waiting}}
			if waiting == "" {
				status.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exitCode}}
			}
		}
	}
	return s.ready(false)
}

func TestWhetherASetKeepsAPodFromServing(t *testing.T) {
	serving := func(t *testing.T) *story { return newStory(t).running(true).later(time.Hour) }
	for name, test := range map[string]struct {
		story func(t *testing.T) *story
		want  bool
	}{
		"a Pod that it never changed, ready or not": {func(t *testing.T) *story {
			return newStory(t).running(false)
		}, false},
		"one that was created with a version that crashes": {func(t *testing.T) *story {
			return newStory(t).running(false).broken("agent")
		}, false},
		"ready, and the kubelet has not acted yet": {func(t *testing.T) *story {
			return serving(t).update("agent:2")
		}, true},
		"it served, and the new container is not there yet": {func(t *testing.T) *story {
			return serving(t).update("agent:2").ready(false)
		}, true},
		"it served, and the new container crashes": {func(t *testing.T) *story {
			return serving(t).update("agent:2").later(time.Second).running(false).broken("agent")
		}, true},
		"it served, and serves again": {func(t *testing.T) *story {
			return serving(t).update("agent:2").running(true)
		}, false},
		"the new container is back, the application fails since": {func(t *testing.T) *story {
			return serving(t).update("agent:2").ready(false).later(time.Second).running(false).broken("app").later(time.Hour)
		}, true},
		"all came back, and the application fails at once": {func(t *testing.T) *story {
			return serving(t).update("agent:2").running(true).later(10 * time.Second).broken("app").later(time.Hour)
		}, true},
		"all came back, and the application fails much later": {func(t *testing.T) *story {
			return serving(t).update("agent:2").running(true).later(time.Hour).broken("app")
		}, false},
		"all came back, and the new container fails much later": {func(t *testing.T) *story {
			return serving(t).update("agent:2").running(true).later(time.Hour).broken("agent")
		}, true},
		"it was down because of the last version, and is of the next": {func(t *testing.T) *story {
			return serving(t).update("agent:2").running(false).broken("agent").later(time.Hour).update("agent:3").running(false).broken("app")
		}, true},
		"it was unready before, and its update is on the way": {func(t *testing.T) *story {
			return serving(t).broken("app").later(time.Second).update("agent:2")
		}, false},
		"it was unready before, and the new container crashes": {func(t *testing.T) *story {
			return serving(t).broken("app").later(time.Second).update("agent:2").running(false).broken("agent")
		}, false},
		"it was unready before, has served since, and the new container crashes": {func(t *testing.T) *story {
			return serving(t).broken("app").later(time.Second).update("agent:2").running(true).later(time.Minute).broken("agent")
		}, true},
		"it was unready before, has served since, and the application fails again": {func(t *testing.T) *story {
			return serving(t).broken("app").later(time.Second).update("agent:2").running(true).later(10 * time.Second).broken("app")
		}, false},
		"it had no node, and has none": {func(t *testing.T) *story {
			return newStory(t).update("agent:2")
		}, false},
		"it had no node, and starts": {func(t *testing.T) *story {
			return newStory(t).update("agent:2").later(time.Hour).running(false).broken("agent")
		}, false},
		"it had no node, has served since, and the new container crashes": {func(t *testing.T) *story {
			return newStory(t).update("agent:2").running(true).later(time.Hour).broken("agent")
		}, true},
		"it had ended before": {func(t *testing.T) *story {
			return serving(t).ended("app", corev1.RestartPolicyNever, 0).later(time.Second).update("agent:2")
		}, false},
		"it has ended meanwhile": {func(t *testing.T) *story {
			return serving(t).update("agent:2").ended("app", corev1.RestartPolicyOnFailure, 0)
		}, false},
		"it has ended with an error, and is started again": {func(t *testing.T) *story {
			return serving(t).update("agent:2").ended("app", corev1.RestartPolicyOnFailure, 1)
		}, true},
		"its sidecar stops for the update, though containers are never started again": {func(t *testing.T) *story {
			return serving(t).update("agent:2").ended("agent", corev1.RestartPolicyNever, 0)
		}, true},
		"nobody knows whether it served, and the new container crashes": {func(t *testing.T) *story {
			return serving(t).update("agent:2").unknown().running(false).broken("agent")
		}, true},
		"nobody wrote whether it served, but it had not for long and the sidecar is back": {func(t *testing.T) *story {
			return serving(t).broken("app").later(time.Hour).update("agent:2").unknown().running(false).broken("app")
		}, false},
		"nobody wrote whether it served, it had stopped a moment before": {func(t *testing.T) *story {
			return serving(t).broken("app").later(time.Second).update("agent:2").unknown().running(false).broken("app")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.story(t)
			if got := sidecar.NewView(s.pod, s.set).Disturbed(); got != test.want {
				t.Errorf("disturbed: %t, want %t; the record: %s", got, test.want, s.pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation])
			}
		})
	}
}

func TestWhetherASidecarIsAsUnreadyAsBeforeTheUpdate(t *testing.T) {
	crashing := func(t *testing.T) *story { return newStory(t).running(false).broken("agent").later(time.Hour) }
	for name, test := range map[string]struct {
		story func(t *testing.T) *story
		want  bool
	}{
		"it crashed before, and does still": {func(t *testing.T) *story {
			return crashing(t).update("agent:2").running(false).broken("agent")
		}, true},
		"the application failed before, now the sidecar does": {func(t *testing.T) *story {
			return newStory(t).running(false).broken("app").later(time.Hour).update("agent:2").running(false).broken("agent")
		}, false},
		"so it is after the next update too": {func(t *testing.T) *story {
			return newStory(t).running(false).broken("app").later(time.Hour).update("agent:2").running(false).broken("agent").
				update("agent:3").running(false).broken("agent")
		}, false},
		"it has served in between": {func(t *testing.T) *story {
			return crashing(t).update("agent:2").running(true).later(time.Minute).broken("agent")
		}, false},
		"it served before": {func(t *testing.T) *story {
			return newStory(t).running(true).update("agent:2").running(false).broken("agent")
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.story(t)
			if got := sidecar.NewView(s.pod, s.set).AsUnready(); got != test.want {
				t.Errorf("as unready as before: %t, want %t; the record: %s", got, test.want, s.pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation])
			}
		})
	}
}

func TestWhetherAPodServedBeforeItsUpdate(t *testing.T) {
	for name, test := range map[string]struct {
		story func(t *testing.T) *story
		want  bool
	}{
		"it was never updated": {func(t *testing.T) *story { return newStory(t).running(true) }, false},
		"it did":               {func(t *testing.T) *story { return newStory(t).running(true).update("agent:2") }, true},
		"it crashed from its beginning": {func(t *testing.T) *story {
			return newStory(t).running(false).broken("agent").later(time.Hour).update("agent:2").running(false).broken("agent")
		}, false},
		"it has since": {func(t *testing.T) *story {
			return newStory(t).running(false).later(time.Hour).update("agent:2").running(true)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.story(t)
			if got := sidecar.NewView(s.pod, s.set).ServedBefore(); got != test.want {
				t.Errorf("served before: %t, want %t", got, test.want)
			}
		})
	}
}

// Half of a change that was written is neither the old version nor the new one.
func TestAHalfWrittenChangeIsCompletedOrTakenBack(t *testing.T) {
	version := func(image, cpu string) *sidecar.Set {
		object := build.MakeSidecarSet("s").Container("agent", image).Obj()
		object.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
		return compile(t, object)
	}
	first, second := version("agent:1", "10m"), version("agent:2", "20m")
	pod := build.MakePod("p").New().Obj()
	inject(t, pod, first)
	build.RunContainers(pod)
	build.SetReady(pod, true, build.Epoch)
	change, err := second.Update(sidecar.NewView(pod, second), []string{"agent"}, now)
	if err != nil {
		t.Fatal(err)
	}
	carryOut(pod, change) // the resize is not written
	build.RunContainers(pod)

	view := sidecar.NewView(pod, second)
	if !view.Updated() || view.Settled() {
		t.Errorf("updated %t, settled %t; it is at the version but not settled", view.Updated(), view.Settled())
	}
	complete := second.Complete(view)
	want := &sidecar.Update{Change: inplace.Change{Resources: map[string]corev1.ResourceRequirements{
		"agent": second.Spec.Containers[0].Resources,
	}}}
	if diff := cmp.Diff(want, complete); diff != "" {
		t.Errorf("second half (-want +got):\n%s", diff)
	}
	back, err := first.Update(sidecar.NewView(pod, first), []string{"agent"}, now)
	if err != nil {
		t.Fatal(err)
	}
	carryOut(pod, back)
	build.RunContainers(pod)
	if view := sidecar.NewView(pod, first); len(back.Resources) != 0 || !view.Settled() || first.Complete(view) != nil {
		t.Errorf("going back resizes %v and is settled: %t", back.Resources, view.Settled())
	}
}
