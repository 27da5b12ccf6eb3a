// SPDX-License-Identifier: Apache-2.0

package podpatch_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestConditions(t *testing.T) {
	pod := build.MakePod("p").Obj()
	pod.ResourceVersion = "7"
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionTrue},
		{Type: "example.com/lb", Status: corev1.ConditionFalse, Reason: "NotYet", Message: "it waits"},
	}
	at := metav1.NewTime(build.Epoch.UTC())
	written := []corev1.PodCondition{
		{Type: "example.com/lb", Status: corev1.ConditionTrue, LastTransitionTime: at},
		{Type: "example.com/new", Status: corev1.ConditionFalse, Reason: "New", LastTransitionTime: at},
	}
	shared := corev1.PodCondition{Type: v1beta1.KruisePodReadyCondition, Status: corev1.ConditionTrue, LastTransitionTime: at}
	for name, test := range map[string]struct {
		unchanged bool
		second    corev1.PodCondition
		version   string
	}{
		"another version of the Pod will do":                  {second: written[1]},
		"it has to be unchanged":                              {unchanged: true, second: written[1], version: "7"},
		"a condition that is shared must not be written over": {second: shared, version: "7"},
	} {
		t.Run(name, func(t *testing.T) {
			written := []corev1.PodCondition{written[0], test.second}
			patch, err := podpatch.Conditions(pod, written, test.unchanged)
			if err != nil {
				t.Fatal(err)
			}
			var sent struct{ Metadata metav1.ObjectMeta }
			if err := json.Unmarshal(patch, &sent); err != nil {
				t.Fatal(err)
			}
			if sent.Metadata.UID != pod.UID || sent.Metadata.ResourceVersion != test.version {
				t.Errorf("the patch is for %s at %q, want version %q", sent.Metadata.UID, sent.Metadata.ResourceVersion, test.version)
			}
			before, _ := json.Marshal(pod)
			data, err := strategicpatch.StrategicMergePatch(before, patch, pod)
			if err != nil {
				t.Fatal(err)
			}
			var after corev1.Pod
			if err := json.Unmarshal(data, &after); err != nil {
				t.Fatal(err)
			}
			want := []corev1.PodCondition{pod.Status.Conditions[0], written[0], written[1]}
			got := map[corev1.PodConditionType]corev1.PodCondition{}
			for _, c := range after.Status.Conditions {
				c.LastTransitionTime = metav1.NewTime(c.LastTransitionTime.UTC())
				got[c.Type] = c
			}
			for _, c := range want {
				c.LastTransitionTime = metav1.NewTime(c.LastTransitionTime.UTC())
				if diff := cmp.Diff(c, got[c.Type]); diff != "" {
					t.Errorf("condition (-want +got):\n%s", diff)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d conditions, want %d", len(got), len(want))
			}
		})
	}
}
