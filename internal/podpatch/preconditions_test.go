// SPDX-License-Identifier: Apache-2.0

package podpatch_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/podpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// withConditions is a Pod that the kubelet has said something else of before it said whether it is Ready.
func withConditions(ready corev1.ConditionStatus) *corev1.Pod {
	pod := build.MakePod("p").Obj()
	pod.ResourceVersion, pod.Status.Phase = "7", corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
	if ready != "" {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: ready})
	}
	return pod
}

func TestPreconditions(t *testing.T) {
	becomesReady := func(pod *corev1.Pod) { pod.Status.Conditions[1].Status = corev1.ConditionTrue }
	heartbeat := func(pod *corev1.Pod) { pod.Status.PodIP = "10.0.0.9" }
	for name, test := range map[string]struct {
		pod       *corev1.Pod
		ask       func(*podpatch.Patch) *podpatch.Patch
		meanwhile func(pod *corev1.Pod)
		want      bool
	}{
		"unchanged, and nothing has changed":  {withConditions("False"), (*podpatch.Patch).Unchanged, nil, true},
		"unchanged, but the kubelet wrote":    {withConditions("False"), (*podpatch.Patch).Unchanged, heartbeat, false},
		"not ready, and nothing has changed":  {withConditions("False"), (*podpatch.Patch).StillNotReady, nil, true},
		"not ready, and the kubelet wrote":    {withConditions("False"), (*podpatch.Patch).StillNotReady, heartbeat, true},
		"not ready, but it is now":            {withConditions("False"), (*podpatch.Patch).StillNotReady, becomesReady, false},
		"its readiness is unknown":            {withConditions("Unknown"), (*podpatch.Patch).StillNotReady, heartbeat, true},
		"its readiness was unknown, not now":  {withConditions("Unknown"), (*podpatch.Patch).StillNotReady, becomesReady, false},
		"no condition, and the kubelet wrote": {withConditions(""), (*podpatch.Patch).StillNotReady, heartbeat, true},
		"no condition, and it has ended": {
			withConditions(""), (*podpatch.Patch).StillNotReady, func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodFailed }, false,
		},
		"the condition is elsewhere": {
			withConditions("False"), (*podpatch.Patch).StillNotReady, func(pod *corev1.Pod) { pod.Status.Conditions = pod.Status.Conditions[1:] }, false,
		},
		"it was ready, and nothing has changed": {withConditions("True"), (*podpatch.Patch).StillNotReady, nil, true},
		"it was ready, and the kubelet wrote":   {withConditions("True"), (*podpatch.Patch).StillNotReady, heartbeat, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := test.pod.DeepCopy()
			if test.meanwhile != nil {
				test.meanwhile(now)
				now.ResourceVersion = "8"
			}
			if _, err := apply(t, test.ask(podpatch.New(test.pod).Label("a", "1")), now); (err == nil) != test.want {
				t.Errorf("the patch was taken: %v, want %v", err == nil, test.want)
			}
		})
	}
}
