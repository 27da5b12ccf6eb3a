// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestReasonOfUninjectedPods(t *testing.T) {
	lonely := build.MakePod("p").Label("app", "web").Obj()
	owned := build.MakePod("p").Label("app", "web").Obj()
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", Controller: ptr.To(true)}}
	for name, test := range map[string]struct {
		policy v1beta1.SidecarSetRepairPolicy
		pod    *corev1.Pod
		reason string
		want   string
	}{
		"what happened, while nobody asks for repair":                {v1beta1.RepairNone, lonely, v1beta1.ReasonWebhookMissed, v1beta1.ReasonWebhookMissed},
		"what happened to a Pod that repair is about to create anew": {v1beta1.RepairRecreate, owned, v1beta1.ReasonWebhookMissed, v1beta1.ReasonWebhookMissed},
		"that no controller would create the Pod anew":               {v1beta1.RepairRecreate, lonely, v1beta1.ReasonWebhookMissed, v1beta1.ReasonNotEvictable},
		"that the Pod wants no sidecars, whoever made it":            {v1beta1.RepairRecreate, lonely, v1beta1.ReasonOptedOut, v1beta1.ReasonOptedOut},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRollout(t, 0, build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.RepairPolicy = test.policy }))
			s := w.snapshot()
			s.Uninjected = []Uninjected{{Pod: test.pod, Reason: test.reason}}
			if diff := cmp.Diff(test.want, listUninjected(s)[0].Reason); diff != "" {
				t.Errorf("reason in the status (-want +got):\n%s", diff)
			}
			message := injectedCondition(s, &progress{plan: &Plan{}, outcome: &Outcome{}}).Message
			if told := strings.Contains(message, "p ("+test.want+")"); told != (test.reason != v1beta1.ReasonOptedOut) {
				t.Errorf("the condition says %q, want %s in it unless the Pod opted out", message, test.want)
			}
		})
	}
}
