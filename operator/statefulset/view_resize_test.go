// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/windlass-operator/windlass/api/v1beta1"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// A kubelet's answer ends the wait for a resize, but where podUpdatePolicy finds another node, or where a restart comes at
// a time that nobody chooses.
func TestAKubeletsAnswerEndsTheWaitForAResize(t *testing.T) {
	const inPlaceOnly, ifPossible = v1beta1.InPlaceOnlyPodUpdatePolicy, v1beta1.InPlaceIfPossiblePodUpdatePolicy
	type want struct {
		Plan           []string
		Limited, Ready string
	}
	for name, test := range map[string]struct {
		policy   v1beta1.PodUpdatePolicyType
		kind     corev1.PodConditionType
		reason   string
		restarts bool
		want     want
	}{
		"Infeasible, InPlaceIfPossible": {ifPossible, corev1.PodResizePending, "Infeasible", false,
			want{Plan: []string{"delete Pod web-2: node node-1 cannot give it what it is resized to: no room"}, Ready: "False"}},
		"Infeasible, InPlaceOnly":               {inPlaceOnly, corev1.PodResizePending, "Infeasible", false, want{Limited: "ResizeInfeasible", Ready: "True"}},
		"Infeasible and RestartContainer":       {inPlaceOnly, corev1.PodResizePending, "Infeasible", true, want{Limited: "ResizeInfeasible", Ready: "True"}},
		"Deferred, InPlaceIfPossible":           {ifPossible, corev1.PodResizePending, "Deferred", false, want{Limited: "ResizeDeferred", Ready: "True"}},
		"Deferred, InPlaceOnly":                 {inPlaceOnly, corev1.PodResizePending, "Deferred", false, want{Limited: "ResizeDeferred", Ready: "True"}},
		"Deferred and RestartContainer":         {inPlaceOnly, corev1.PodResizePending, "Deferred", true, want{Ready: "False"}},
		"Error":                                 {inPlaceOnly, corev1.PodResizeInProgress, "Error", false, want{Ready: "False"}},
		"Error under InPlaceIfPossible as well": {ifPossible, corev1.PodResizeInProgress, "Error", false, want{Ready: "False"}},
	} {
		t.Run(name, func(t *testing.T) {
			set := web().Policy(test.policy)
			if test.restarts {
				set.Obj().Spec.Template.Spec.Containers[0].ResizePolicy = []corev1.ContainerResizePolicy{
					{ResourceName: corev1.ResourceCPU, RestartPolicy: corev1.RestartContainer},
				}
			}
			w := infeasible(settled(t, set))
			w.changePod("web-2", func(pod *corev1.Pod) {
				pod.Status.Conditions = slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodResizePending })
				cluster.SetCondition(pod, corev1.PodCondition{Type: test.kind, Status: corev1.ConditionTrue, Reason: test.reason, Message: "no room"})
			})
			got := want{Plan: w.decide()}
			conditions := w.judged(func(*Plan) *Outcome { return &Outcome{} }).Conditions
			ready := meta.FindStatusCondition(conditions, v1beta1.ConditionReady)
			got.Ready = string(ready.Status)
			if c := meta.FindStatusCondition(conditions, v1beta1.ConditionUpdateLimited); c != nil {
				got.Limited = c.Reason
				if !strings.Contains(c.Message, "web-2 on node node-1 (no room)") {
					t.Errorf("UpdateLimited: %s", c.Message)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, ready.Message)
			}
			if said := strings.Contains(ready.Message, "a container is restarted when the kubelet makes it"); said != (test.restarts && test.reason == "Deferred") {
				t.Errorf("Ready: %s", ready.Message)
			}
		})
	}
}

// What is limited waits for nothing, so the next version reaches it.
func TestAPodThatGetsNoResourcesGetsTheNextVersion(t *testing.T) {
	w := infeasible(settled(t, web().Policy(v1beta1.InPlaceOnlyPodUpdatePolicy))).withImage("app:2")
	if got := w.decide(); len(got) != 1 || !strings.Contains(got[0], "Pod web-2") {
		t.Errorf("plan: %v", got)
	}
}
