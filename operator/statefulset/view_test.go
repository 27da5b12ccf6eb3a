// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

func waits(reason string) func(pod *corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	}
}

func condition(kind corev1.PodConditionType, status corev1.ConditionStatus, reason string) func(pod *corev1.Pod) {
	return func(pod *corev1.Pod) {
		cluster.SetCondition(pod, corev1.PodCondition{Type: kind, Status: status, Reason: reason})
	}
}

func TestAStateThatNobodyKnowsHoldsNothingBack(t *testing.T) {
	s := &Snapshot{Set: web().Obj(), Now: build.Epoch.Add(time.Hour)}
	view := s.newView(build.MakePod("web-0").Label(v1beta1.LifecycleStateLabel, "Dreaming").Obj())
	if view.State != v1beta1.LifecycleStateNormal || !view.Available {
		t.Errorf("state %s, available %v", view.State, view.Available)
	}
}

func TestBroken(t *testing.T) {
	for name, test := range map[string]struct {
		change func(pod *corev1.Pod)
		want   string
	}{
		"a Pod that runs":                      {func(*corev1.Pod) {}, ""},
		"not ready is not broken":              {func(pod *corev1.Pod) { build.SetReady(pod, false, build.Epoch) }, ""},
		"it failed":                            {func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodFailed }, "Failed"},
		"no node takes it":                     {condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable"), "Unschedulable"},
		"it has not been looked at for a node": {condition(corev1.PodScheduled, corev1.ConditionFalse, "SchedulingGated"), ""},
		"it is being created":                  {waits("ContainerCreating"), ""},
		"ErrImagePull":                         {waits("ErrImagePull"), "ErrImagePull"},
		"ImagePullBackOff":                     {waits("ImagePullBackOff"), "ImagePullBackOff"},
		"InvalidImageName":                     {waits("InvalidImageName"), "InvalidImageName"},
		"ErrImageNeverPull":                    {waits("ErrImageNeverPull"), "ErrImageNeverPull"},
		"CreateContainerConfigError":           {waits("CreateContainerConfigError"), "CreateContainerConfigError"},
		"CreateContainerError":                 {waits("CreateContainerError"), "CreateContainerError"},
		"RunContainerError":                    {waits("RunContainerError"), "RunContainerError"},
		"CrashLoopBackOff":                     {waits("CrashLoopBackOff"), "CrashLoopBackOff"},
		"an init container": {func(pod *corev1.Pod) {
			pod.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "init:1"}}
			pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{
				Name: "init", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			}}
		}, "CrashLoopBackOff"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("web-0").Obj()
			test.change(pod)
			if diff := cmp.Diff(test.want, pods.Broken(pod)); diff != "" {
				t.Errorf("broken (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAvailable(t *testing.T) {
	type availability struct {
		Ready, Available bool
		In               time.Duration
	}
	serves := availability{Ready: true, Available: true}
	for name, test := range map[string]struct {
		top, rolling int32
		change       func(pod *corev1.Pod)
		want         availability
	}{
		"ready":                                {0, 0, nil, serves},
		"not ready":                            {0, 0, condition(corev1.PodReady, corev1.ConditionFalse, ""), availability{}},
		"ready for less than minReadySeconds":  {30, 0, nil, availability{Ready: true, In: 20 * time.Second}},
		"the other place counts too":           {0, 30, nil, availability{Ready: true, In: 20 * time.Second}},
		"of both places the larger one counts": {30, 15, nil, availability{Ready: true, In: 20 * time.Second}},
		"ready for exactly minReadySeconds":    {10, 0, nil, serves},
		"Pending":                              {0, 0, func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodPending }, availability{}},
		"going":                                {0, 0, func(pod *corev1.Pod) { pod.DeletionTimestamp = &pod.CreationTimestamp }, availability{Ready: true}},
		"out of service for a change":          {0, 0, condition(v1beta1.InPlaceUpdateReadyCondition, corev1.ConditionFalse, ""), availability{}},
		"held by a program":                    {0, 0, condition(v1beta1.KruisePodReadyCondition, corev1.ConditionFalse, ""), availability{}},
		"a state without a hook is Normal":     {0, 0, stateLabel("Normal"), serves},
		"waiting for the preNormal hook":       {0, 0, stateLabel("PreparingNormal"), availability{Ready: true}},
		"waiting for the inPlaceUpdate hook":   {0, 0, stateLabel("PreparingUpdate"), availability{Ready: true}},
		"being changed":                        {0, 0, stateLabel("Updating"), availability{Ready: true}},
		"waiting to be taken hold of":          {0, 0, stateLabel("Updated"), availability{Ready: true}},
		"waiting for the preDelete hook":       {0, 0, stateLabel("PreparingDelete"), availability{Ready: true}},
		"a change in place that is not done": {0, 0, func(pod *corev1.Pod) {
			pod.Spec.Containers[0].Image = "app:2"
			pod.Annotations = map[string]string{v1beta1.InPlaceUpdateStateAnnotation: `{"revision":"x","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":{"app":{"imageID":"` + pod.Status.ContainerStatuses[0].ImageID + `"}}}`}
		}, availability{Ready: true}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("web-0").Obj()
			if test.change != nil {
				test.change(pod)
			}
			set := web().Obj()
			set.Spec.MinReadySeconds, set.Spec.UpdateStrategy.RollingUpdate.MinReadySeconds = test.top, ptr.To(test.rolling)
			v := (&Snapshot{Now: build.Epoch.Add(10 * time.Second), Set: set}).newView(pod)
			if diff := cmp.Diff(test.want, availability{v.Ready, v.Available, v.AvailableIn}); diff != "" {
				t.Errorf("availability (-want +got):\n%s", diff)
			}
		})
	}
}

func stateLabel(state string) func(pod *corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Labels = map[string]string{v1beta1.LifecycleStateLabel: state} }
}
