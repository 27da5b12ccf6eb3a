// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// pod is a Pod with the sidecar at a version, whose containers were restarted so often.
func pod(uid, version string, appRestarts, sidecarRestarts int32) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "demo-1", Namespace: "demo", UID: types.UID(uid)},
		Spec: corev1.PodSpec{NodeName: "node1", Containers: []corev1.Container{
			{Name: framework.SidecarContainer, Image: "sidecar:" + version}, {Name: framework.AppContainer, Image: "app"},
		}},
		Status: corev1.PodStatus{PodIP: "10.0.0.1", ContainerStatuses: []corev1.ContainerStatus{
			{Name: framework.SidecarContainer, RestartCount: sidecarRestarts, ImageID: "sidecar@sha256:0123456789abcdef" + version},
			{Name: framework.AppContainer, RestartCount: appRestarts},
		}},
	}
}

func TestCompare(t *testing.T) {
	renamed := pod("a", "v2", 0, 1)
	renamed.Name = "demo-2"
	tests := map[string]struct {
		after corev1.Pod
		want  []string
	}{
		"an update in place is right": {
			after: func() corev1.Pod {
				p := pod("a", "v2", 0, 1)
				p.Status.ContainerStatuses[0].ImageID = "sidecar@sha256:fedcba9876543210"
				return p
			}(),
		},
		"a Pod that was created anew is not": {
			after: func() corev1.Pod {
				p := pod("b", "v2", 0, 1)
				p.Status.ContainerStatuses[0].ImageID = "sidecar@sha256:fedcba9876543210"
				return p
			}(),
			want: []string{"Pod demo-1: UID was a and is b; want the same"},
		},
		"an application that was restarted is not, nor a sidecar that was not": {
			after: pod("a", "v1", 1, 0),
			want: []string{
				"Pod demo-1: app restartCount was 0 and is 1; want 0",
				"Pod demo-1: sidecar restartCount was 0 and is 0; want 1",
				"Pod demo-1: sidecar image was sidecar:v1 and is sidecar:v1; want a new one",
				"Pod demo-1: sidecar imageID was sha256:0123456789ab and is sha256:0123456789ab; want a new one",
			},
		},
		"a Pod that is gone is not": {
			after: renamed,
			want:  []string{"Pod demo-1 is gone"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, got := compare([]corev1.Pod{pod("a", "v1", 0, 0)}, []corev1.Pod{test.after})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what is wrong (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckInjected(t *testing.T) {
	bare, elsewhere := pod("a", "v1", 0, 0), pod("b", "v1", 0, 0)
	bare.Spec.Containers = bare.Spec.Containers[1:]
	elsewhere.Name, elsewhere.Spec.NodeName = "demo-2", "node2"
	tests := map[string]struct {
		pods []corev1.Pod
		want string
	}{
		"two injected Pods on two nodes are right": {pods: []corev1.Pod{pod("a", "v1", 0, 0), elsewhere}},
		"a Pod without the sidecar is not": {
			pods: []corev1.Pod{bare},
			want: `Pod demo/demo-1 has no container "sidecar": the sidecar was not injected`,
		},
		"two Pods on one node are not": {
			pods: []corev1.Pod{pod("a", "v1", 0, 0), pod("b", "v1", 0, 0)},
			want: "Pods demo-1 and demo-1 both run on node node1, not on two nodes",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := checkInjected(test.pods); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
