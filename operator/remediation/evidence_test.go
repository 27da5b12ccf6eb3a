// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestWhatAnObservationProves(t *testing.T) {
	old := build.Epoch.Add(-long)
	changed := func(pod *corev1.Pod, change func(*corev1.Pod)) *corev1.Pod {
		change(pod)
		return pod
	}
	startFailed := func(status *corev1.ContainerStatus) {
		status.RestartCount = 3
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "StartError", ExitCode: 128, Message: "runc create failed"}
	}
	type want struct {
		Kind  evidenceKind
		Image string
	}
	tests := map[string]struct {
		pod  *corev1.Pod
		want want
	}{
		"a container that runs":            {build.MakePod("p").Obj(), want{Kind: hasStarted}},
		"a container that crashed":         {crashed("p", "n1"), want{Kind: hasStarted}},
		"refused: NodeAffinity":            {newScene().refused("n1", "NodeAffinity").snapshot.Pods[0].Pod, want{Kind: nodeRefused}},
		"refused: TopologyAffinityError":   {newScene().refused("n1", "TopologyAffinityError").snapshot.Pods[0].Pod, want{Kind: nodeRefused}},
		"refused: OutOfcpu":                {newScene().refused("n1", "OutOfcpu").snapshot.Pods[0].Pod, want{Kind: nodeRefused}},
		"refused: admission error":         {newScene().refused("n1", "UnexpectedAdmissionError").snapshot.Pods[0].Pod, want{Kind: nodeRefused}},
		"failed for another reason":        {newScene().refused("n1", "Evicted").snapshot.Pods[0].Pod, want{Kind: hasEnded}},
		"no node yet":                      {unscheduledPod("p", old, nil), want{Kind: unscheduled}},
		"a node that has said nothing yet": {scheduled("p", "n1", old), want{Kind: nothingSeen}},
		"no sandbox":                       {noSandbox("p", "n1"), want{Kind: ambiguous}},
		"the image is on its way":          {waiting("p", "n1", old, "ContainerCreating", ""), want{Kind: slowPull}},
		"an unknown reason":                {waiting("p", "n1", old, "SignatureValidationFailed", ""), want{Kind: slowPull}},
		"refused, but it had run": {
			changed(build.MakePod("p").Obj(), func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = corev1.PodFailed, "NodeAffinity" }), want{Kind: hasStarted},
		},
		"an init container has ended and the image of the next one is missing": {
			changed(waiting("p", "n1", old, "ImagePullBackOff", ""), func(p *corev1.Pod) {
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "init", State: corev1.ContainerState{
					Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}}}
			}), want{Kind: hasStarted},
		},
		"an init container whose image is missing": {
			changed(waiting("p", "n1", old, "PodInitializing", ""), func(p *corev1.Pod) {
				p.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "init:1"}}
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "init", State: corev1.ContainerState{
					Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}}}
			}), want{ambiguous, "init:1"},
		},
		"one image is missing and another name is invalid": {
			changed(waiting("p", "n1", old, "ImagePullBackOff", ""), func(p *corev1.Pod) {
				p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: "b", State: corev1.ContainerState{
					Waiting: &corev1.ContainerStateWaiting{Reason: "InvalidImageName"}}})
			}), want{Kind: badTemplate},
		},
		"the runtime cannot start the container": {
			changed(waiting("p", "n1", old, "CrashLoopBackOff", ""), func(p *corev1.Pod) { startFailed(&p.Status.ContainerStatuses[0]) }), want{ambiguous, image},
		},
		"the runtime cannot start the container, which may have written something": {
			changed(waiting("p", "n1", old, "CrashLoopBackOff", ""), func(p *corev1.Pod) {
				startFailed(&p.Status.ContainerStatuses[0])
				mountScratch(p, "app", false)
			}), want{Kind: hasStarted},
		},
		"the runtime cannot start the container for the first time": {
			changed(waiting("p", "n1", old, "CrashLoopBackOff", ""), func(p *corev1.Pod) {
				startFailed(&p.Status.ContainerStatuses[0])
				p.Status.ContainerStatuses[0].RestartCount = 0
				mountScratch(p, "app", false)
			}), want{ambiguous, image},
		},
		"the image is missing of a container that was made before": {
			changed(waiting("p", "n1", old, "ImagePullBackOff", ""), func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 3 }), want{Kind: hasStarted},
		},
		"the image is missing of a container that could not be started before": {
			changed(waiting("p", "n1", old, "ImagePullBackOff", ""), func(p *corev1.Pod) { startFailed(&p.Status.ContainerStatuses[0]) }), want{Kind: hasStarted},
		},
		"the runtime cannot start the container again, which was ready once": {
			changed(waiting("p", "n1", old, "CrashLoopBackOff", ""), func(p *corev1.Pod) {
				startFailed(&p.Status.ContainerStatuses[0])
				pods.Condition(p, corev1.PodReady).LastTransitionTime = at(-short)
			}), want{Kind: hasStarted},
		},
	}
	for reason, kind := range map[string]evidenceKind{
		"ErrImagePull": ambiguous, "ImagePullBackOff": ambiguous, "RegistryUnavailable": ambiguous, "CreateContainerError": ambiguous, "RunContainerError": ambiguous,
		"InvalidImageName": badTemplate, "ErrImageNeverPull": badTemplate, "CreateContainerConfigError": badTemplate,
	} {
		tests["waiting: "+reason] = struct {
			pod  *corev1.Pod
			want want
		}{waiting("p", "n1", old, reason, ""), want{kind, image}}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := classify(&Pod{Pod: test.pod})
			if diff := cmp.Diff(test.want, want{e.kind, e.image}); diff != "" {
				t.Errorf("evidence (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPodWaitsSinceItsNodeOrItsSandbox(t *testing.T) {
	for name, test := range map[string]struct {
		pod  *corev1.Pod
		want time.Duration
	}{
		"since it got its node":                 {pullFailing("p", "n1", build.Epoch.Add(-long)), -long},
		"since its sandbox was made after that": {sandboxAt(pullFailing("p", "n1", build.Epoch.Add(-long)), -short), -short},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(at(test.want), classify(&Pod{Pod: test.pod}).since); diff != "" {
				t.Errorf("waits since (-want +got):\n%s", diff)
			}
		})
	}
}

func sandboxAt(pod *corev1.Pod, offset time.Duration) *corev1.Pod {
	pods.Condition(pod, corev1.PodReadyToStartContainers).LastTransitionTime = at(offset)
	return pod
}

func TestTheKubeletsWordsStayShort(t *testing.T) {
	for name, message := range map[string]string{
		"a long message":          "failed to pull: " + strings.Repeat("é ", 2000) + "connection refused",
		"a message of some words": "failed to pull: connection refused",
	} {
		t.Run(name, func(t *testing.T) {
			e := classify(&Pod{Pod: waiting("p", "n1", build.Epoch, "ErrImagePull", message)})
			got := e.kubeletReason()
			if len(got) > maxReason || !utf8.ValidString(got) {
				t.Errorf("%d bytes: %s", len(got), got)
			}
			for _, part := range []string{"container app, image app:1: ErrImagePull: failed to pull: ", "connection refused"} {
				if !strings.Contains(got, part) {
					t.Errorf("%q is not in %q", part, got)
				}
			}
		})
	}
}
