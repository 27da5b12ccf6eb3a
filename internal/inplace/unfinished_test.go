// SPDX-License-Identifier: Apache-2.0

package inplace_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestUnfinished(t *testing.T) {
	const (
		state      = v1beta1.InPlaceUpdateStateAnnotation
		kruise     = `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":{"app":{"imageID":"id-1"}},"updateImages":true}`
		ours       = `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":{"app":{"imageID":"id-1","containerID":"containerd://1"}},"updateImages":true}`
		resources  = `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":null,"updateResources":true}`
		daemonOnly = `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":null,"updateEnvFromMetadata":true}`
	)
	startedAt := func(after time.Duration) corev1.ContainerState {
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(build.Epoch.Add(after))}}
	}
	for name, test := range map[string]struct {
		key, annotation string
		pod             func(pod *corev1.Pod)
		want            string
	}{
		"no annotation": {},
		"the old image runs": {
			key: state, annotation: kruise, want: "container app still runs app:1, waiting for app:2",
		},
		"the old image runs, as the older key says": {
			key: v1beta1.InPlaceUpdateStateLegacyAnnotation, annotation: kruise, want: "container app still runs app:1, waiting for app:2",
		},
		"another image runs": {
			key: state, annotation: kruise, pod: func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].ImageID = "id-2" },
		},
		"the same content runs under the new name": {
			key: state, annotation: kruise, pod: func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].Image = "docker.io/library/app:2" },
		},
		"the same content runs under the old name, since after the change": {
			key: state, annotation: kruise, pod: func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].State = startedAt(time.Second) },
		},
		"the same content runs under the old name, since the second of the change": {
			key: state, annotation: kruise, pod: func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].State = startedAt(0) },
		},
		"nothing ran before, and the old image has started since": {
			key: state, annotation: `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":{"app":{"imageID":""}}}`,
			pod: func(pod *corev1.Pod) {
				pod.Status.ObservedGeneration, pod.Status.ContainerStatuses[0].State = 0, startedAt(time.Second)
			},
			want: "container app still runs app:1, waiting for app:2",
		},
		"the old container runs since before the change": {
			key: state, annotation: kruise, pod: func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].State = startedAt(-time.Second) },
			want: "container app still runs app:1, waiting for app:2",
		},
		"a container that is known to be the old one runs, by a clock that is fast": {
			key: state, annotation: ours, pod: func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].State = startedAt(time.Second) },
			want: "container app still runs app:1, waiting for app:2",
		},
		"the kubelet has not seen the change": {
			key: state, annotation: kruise, pod: func(pod *corev1.Pod) {
				pod.Generation, pod.Status.ContainerStatuses[0].State = 2, startedAt(time.Second)
			},
			want: "the kubelet has not seen yet that container app is to run app:2",
		},
		"the new image cannot be pulled": {
			key: state, annotation: kruise,
			pod: func(pod *corev1.Pod) {
				pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
			},
			want: "container app cannot run app:2: ImagePullBackOff",
		},
		"the container has no status": {
			key: state, annotation: kruise, pod: func(pod *corev1.Pod) { pod.Status.ContainerStatuses = nil },
			want: "container app has not started, waiting for app:2",
		},
		"the container is not there any more": {
			key: state, annotation: kruise, pod: func(pod *corev1.Pod) { pod.Spec.Containers[0].Name = "other" },
		},
		"only a node daemon could tell": {key: state, annotation: daemonOnly},
		"nobody can read it":            {key: state, annotation: `{"lastContainerStatuses":[]}`},
		"OpenKruise's resize is over":   {key: state, annotation: resources},
		"OpenKruise's resize has not been seen": {
			key: state, annotation: resources, pod: func(pod *corev1.Pod) { pod.Generation = 2 },
			want: "the kubelet has not seen its new resources yet",
		},
		"a resize that the node has no room for": {
			key: state, annotation: resources,
			pod: func(pod *corev1.Pod) {
				pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: "Infeasible", Message: "Node didn't have enough capacity"}}
			},
			want: "its resize is not done: PodResizePending Infeasible: Node didn't have enough capacity",
		},
		"a resize that is being made": {
			key: state, annotation: resources,
			pod: func(pod *corev1.Pod) {
				pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodResizeInProgress, Status: corev1.ConditionTrue}}
			},
			want: "its resize is not done: PodResizeInProgress",
		},
		"somebody's resize that the node has no room for": {
			key: state, annotation: `{"revision":"web-1","updateResources":true,"resized":["app"]}`,
			pod: func(pod *corev1.Pod) {
				pod.Status.ContainerStatuses[0].Resources = &corev1.ResourceRequirements{} // the spec asks for no more
				pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodResizePending, Status: corev1.ConditionTrue}}
			},
		},
		"its own resize that the node has no room for": {
			key: state, annotation: `{"revision":"web-1","updateResources":true,"resized":["app"]}`,
			pod: func(pod *corev1.Pod) {
				pod.Spec.Containers[0].Resources = build.Resources("1", "1Gi")
				pod.Status.ContainerStatuses[0].Resources = &corev1.ResourceRequirements{}
				pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodResizePending, Status: corev1.ConditionTrue}}
			},
			want: "its resize is not done: PodResizePending",
		},
		"a change that waits for its grace period": {
			key: v1beta1.InPlaceUpdateGraceAnnotation, annotation: `{"revision":"web-1","graceSeconds":30}`,
			want: "its change waits for the end of a grace period of 30s",
		},
		"a change that was overtaken in its grace period": {
			key: v1beta1.InPlaceUpdateGraceAnnotation, annotation: `{"revision":"web-0","graceSeconds":30}`,
		},
		"containers that are next": {
			key: state, annotation: `{"revision":"web-1","nextContainerImages":{"b":"b:2"},"nextContainerResources":{"a":{}}}`,
			want: "containers a, b are changed next",
		},
		"containers that are next on the way to another revision": {
			key: state, annotation: `{"revision":"web-0","nextContainerImages":{"b":"b:2"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("web-0").Label("controller-revision-hash", "web-1").Annotation("a", "b").Obj()
			if test.key != "" {
				pod.Annotations[test.key] = test.annotation
			}
			pod.Spec.Containers[0].Image = "app:2"
			pod.Status.ContainerStatuses[0].ImageID = "id-1"
			pod.Status.ContainerStatuses[0].ContainerID = "containerd://1"
			if test.pod != nil {
				test.pod(pod)
			}
			if diff := cmp.Diff(test.want, inplace.Unfinished(pod)); diff != "" {
				t.Errorf("Unfinished (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseErrorsNameTheAnnotation(t *testing.T) {
	annotations := map[string]string{
		v1beta1.InPlaceUpdateStateLegacyAnnotation: "[]", v1beta1.InPlaceUpdateGraceAnnotation: "{",
	}
	_, stateErr := inplace.ParseState(annotations)
	_, graceErr := inplace.ParseGrace(annotations)
	if stateErr == nil || graceErr == nil {
		t.Fatalf("errors: %v, %v", stateErr, graceErr)
	}
	want := []string{
		"annotation inplace-update-state of the Pod is not what was written there: json: cannot unmarshal array into Go value of type inplace.State",
		"annotation apps.kruise.io/inplace-update-grace of the Pod is not what was written there: unexpected end of JSON input",
	}
	if diff := cmp.Diff(want, []string{stateErr.Error(), graceErr.Error()}); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// Whatever somebody writes into the annotations, nothing panics, and a Pod with something pending does not stay so for
// ever.
func FuzzAnnotations(f *testing.F) {
	f.Add(`{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":{"app":{"imageID":"i"}},"nextContainerImages":{"app":"x"}}`,
		`{"revision":"web-1","containerImages":{"app":"app:2"},"graceSeconds":-1,"metaDataPatch":"e30="}`)
	f.Add(`{"restarted":{"app":{}},"resized":["app"],"updateResources":true}`, `null`)
	f.Add(`{"revision":"web-1","nextContainerImages":{"app":"x"}}`, `{"revision":"web-1","containerImages":{"app":""}}`)
	f.Fuzz(func(t *testing.T, state, grace string) {
		pod := updated(state).Annotation(v1beta1.InPlaceUpdateGraceAnnotation, grace).Obj()
		far := metav1.NewTime(build.Epoch.AddDate(200, 0, 0))
		for range 4 {
			inplace.Unfinished(pod)
			edits, wait, ok := inplace.Pending(pod, far)
			if !ok {
				return
			}
			if wait > 0 {
				return // from a time to come
			}
			if edits.Empty() {
				t.Fatalf("nothing is ever done about\n%s\n%s", state, grace)
			}
			pod = apply(t, edits, pod)
		}
		t.Fatalf("there is no end to\n%s\n%s", state, grace)
	})
}
