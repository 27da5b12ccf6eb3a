// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestWhetherAPodServesAndGoesOnTo(t *testing.T) {
	resized := func(t *testing.T) *story {
		s := newStory(t).running(true).later(time.Hour)
		object := s.set.Object.DeepCopy()
		object.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("20m")}
		s.set = compile(t, object)
		change, err := s.set.Update(sidecar.NewView(s.pod, s.set), []string{"agent"}, metav1.NewTime(s.now))
		if err != nil {
			t.Fatal(err)
		}
		carryOut(s.pod, change)
		return s
	}
	for name, test := range map[string]struct {
		story func(t *testing.T) *story
		want  bool
	}{
		"it runs and is ready": {func(t *testing.T) *story { return newStory(t).running(true) }, true},
		"it is not ready":      {func(t *testing.T) *story { return newStory(t).running(false) }, false},
		"it terminates": {func(t *testing.T) *story {
			s := newStory(t).running(true)
			s.pod.DeletionTimestamp = &metav1.Time{Time: s.now}
			return s
		}, false},
		"it has ended, and nobody took the condition back": {func(t *testing.T) *story {
			s := newStory(t).running(true)
			s.pod.Status.Phase = corev1.PodSucceeded
			return s
		}, false},
		"an image was written, and its kubelet has not acted yet": {func(t *testing.T) *story {
			return newStory(t).running(true).update("agent:2")
		}, false},
		"the new image runs": {func(t *testing.T) *story { return newStory(t).running(true).update("agent:2").running(true) }, true},
		"a set that nobody asked about has written an image": {func(t *testing.T) *story {
			s := newStory(t).running(true).update("agent:2")
			s.set = compile(t, build.MakeSidecarSet("another").Container("logs", "logs:1").Obj())
			return s
		}, false},
		"new resources are recorded and not written yet": {resized, false},
		"a StatefulSet has written an image": {func(t *testing.T) *story {
			s := newStory(t).running(true)
			pods.Find(s.pod, "app").Image = "app:2"
			s.pod.Annotations[v1beta1.InPlaceUpdateStateAnnotation] = `{"revision":"web-2","updateTimestamp":"2030-01-01T00:00:00Z","lastContainerStatuses":{"app":{"imageID":"` +
				build.ImageID("app:1") + `"}}}`
			return s
		}, false},
		"the hook of a StatefulSet is to let go of it": {func(t *testing.T) *story {
			s := newStory(t).running(true)
			s.pod.Labels = map[string]string{v1beta1.LifecycleStateLabel: string(v1beta1.LifecycleStatePreparingUpdate)}
			return s
		}, false},
		"the hook of a set is": {func(t *testing.T) *story { return gatedStory(t).hook("PreparingUpdate") }, false},
		"a record that nobody can read says nothing": {func(t *testing.T) *story {
			s := newStory(t).running(true)
			s.pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation] = "resized"
			return s
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.story(t)
			if got := sidecar.Serves(s.pod); got != test.want {
				t.Errorf("serves: %t, want %t; the record: %s", got, test.want, s.pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation])
			}
		})
	}
}
