// SPDX-License-Identifier: Apache-2.0

package inplace_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/inplace"
)

func TestFinished(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	for name, test := range map[string]struct {
		image  string
		status corev1.ContainerStatus
		seen   int64
		before inplace.Replaced
		want   bool
	}{
		"another image ID proves it": {
			image:  "agent:2",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:2", ImageID: "id-2"},
			before: inplace.Replaced{ImageID: "id-1"}, want: true,
		},
		"the old image ID under the old name is not finished": {
			image:  "agent:2",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:1", ImageID: "id-1"},
			before: inplace.Replaced{ImageID: "id-1"}, want: false,
		},
		"the same content under the new name is finished": {
			image:  "agent:2",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:2", ImageID: "id-1"},
			before: inplace.Replaced{ImageID: "id-1"}, want: true,
		},
		"a container that has not started has no image ID": {
			image:  "agent:2",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:2"},
			before: inplace.Replaced{ImageID: "id-1"}, want: false,
		},
		"a digest must be the one that runs": {
			image:  "agent@sha256:bb",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:1", ImageID: "agent@sha256:aa"},
			before: inplace.Replaced{ImageID: "agent@sha256:cc"}, want: false,
		},
		"a digest that runs is finished under any name": {
			image:  "agent@sha256:bb",
			status: corev1.ContainerStatus{Name: "agent", Image: "sha256:xx", ImageID: "mirror/agent@sha256:bb"},
			before: inplace.Replaced{ImageID: "mirror/agent@sha256:bb"}, want: true,
		},
		"a restart after the kubelet saw the spec proves the same content under another name": {
			image:  "agent:2",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:1", ImageID: "id-1", ContainerID: "c-2", State: running},
			seen:   7, before: inplace.Replaced{ImageID: "id-1", ContainerID: "c-1"}, want: true,
		},
		"a restart before the kubelet saw the spec proves nothing": {
			image:  "agent:2",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:1", ImageID: "id-1", ContainerID: "c-2", State: running},
			seen:   6, before: inplace.Replaced{ImageID: "id-1", ContainerID: "c-1"}, want: false,
		},
		"a record without a container ID proves nothing by a restart": {
			image:  "agent:2",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:1", ImageID: "id-1", ContainerID: "c-2", State: running},
			seen:   7, before: inplace.Replaced{ImageID: "id-1"}, want: false,
		},
		"the kubelet has not seen the spec: whatever it reports is of an earlier one": {
			image:  "agent:3",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:2", ImageID: "id-2"},
			seen:   6, before: inplace.Replaced{ImageID: "id-1"}, want: false,
		},
		"nothing ran before: the old image that starts is not the new one": {
			image:  "agent:2",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:1", ImageID: "id-1"},
			before: inplace.Replaced{}, want: false,
		},
		"nothing ran before: the new image's name proves it": {
			image:  "agent:2",
			status: corev1.ContainerStatus{Name: "agent", Image: "agent:2", ImageID: "id-2"},
			before: inplace.Replaced{}, want: true,
		},
		"a short name is the full name": {
			image:  "nginx",
			status: corev1.ContainerStatus{Name: "agent", Image: "docker.io/library/nginx:latest", ImageID: "id-1"},
			before: inplace.Replaced{ImageID: "id-1"}, want: true,
		},
		"another container's status says nothing": {
			image:  "agent:2",
			status: corev1.ContainerStatus{Name: "other", Image: "agent:2", ImageID: "id-2"},
			before: inplace.Replaced{ImageID: "id-1"}, want: false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Generation: 7},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "agent", Image: test.image}}},
				Status:     corev1.PodStatus{ObservedGeneration: test.seen, ContainerStatuses: []corev1.ContainerStatus{test.status}},
			}
			if got := inplace.Finished(pod, "agent", test.before); got != test.want {
				t.Errorf("Finished = %t, want %t", got, test.want)
			}
		})
	}
}

// Somebody else may resize other containers of the Pod, for which there is no room: that keeps nobody waiting.
func TestResized(t *testing.T) {
	amounts := func(cpu string) *corev1.ResourceRequirements {
		return &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}
	}
	for name, test := range map[string]struct {
		reported  *corev1.ResourceRequirements
		condition corev1.PodConditionType
		want      bool
	}{
		"it has them":                        {amounts("1"), "", true},
		"it has others":                      {amounts("2"), "", false},
		"it has them, and another one waits": {amounts("1"), corev1.PodResizePending, true},
		"it waits":                           {amounts("2"), corev1.PodResizePending, false},
		"the kubelet is about it, or about another": {amounts("1"), corev1.PodResizeInProgress, false},
		"the kubelet reports none, and is done":     {nil, "", true},
		"the kubelet reports none, and one waits":   {nil, corev1.PodResizePending, false},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{
				Spec:   corev1.PodSpec{Containers: []corev1.Container{{Name: "agent", Resources: *amounts("1")}}},
				Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "agent", Resources: test.reported}}},
			}
			if test.condition != "" {
				pod.Status.Conditions = []corev1.PodCondition{{Type: test.condition, Status: corev1.ConditionTrue}}
			}
			if got := inplace.Resized(pod, "agent"); got != test.want {
				t.Errorf("Resized = %t, want %t", got, test.want)
			}
		})
	}
}
