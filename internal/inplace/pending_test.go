// SPDX-License-Identifier: Apache-2.0

package inplace_test

import (
	stdbase64 "encoding/base64"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func base64(text string) string { return stdbase64.StdEncoding.EncodeToString([]byte(text)) }

// began is a state that OpenKruise recorded a minute before Epoch.
const began = `{"revision":"web-1","updateTimestamp":"2026-01-02T03:03:05Z","lastContainerStatuses":null`

// pending is what Pending says and leads to.
type pending struct {
	Wait   time.Duration
	OK     bool
	Images map[string]string
	Labels map[string]string
	// Annotations but for the state.
	Annotations map[string]string
	State       string
}

func observe(t *testing.T, pod *corev1.Pod) pending {
	t.Helper()
	edits, wait, ok := inplace.Pending(pod, now)
	after := apply(t, edits, pod)
	out := pending{Wait: wait, OK: ok, Images: map[string]string{}, Labels: after.Labels, Annotations: map[string]string{}}
	delete(out.Labels, "controller-revision-hash")
	for i := range after.Spec.Containers {
		out.Images[after.Spec.Containers[i].Name] = after.Spec.Containers[i].Image
	}
	for key, value := range after.Annotations {
		if key == v1beta1.InPlaceUpdateStateAnnotation {
			out.State = value
			continue
		}
		out.Annotations[key] = value
	}
	return out
}

func TestPending(t *testing.T) {
	const (
		grace   = v1beta1.InPlaceUpdateGraceAnnotation
		legacy  = v1beta1.InPlaceUpdateGraceLegacyAnnotation
		images  = `{"revision":"web-1","containerImages":{"app":"app:2"},"graceSeconds":60}`
		longer  = `{"revision":"web-1","containerImages":{"app":"app:2"},"graceSeconds":90}`
		removal = `{"revision":"web-0","containerImages":{"app":"app:2"},"graceSeconds":90}`
	)
	app2 := `"lastContainerStatuses":{"app":{"imageID":"docker.io/library/app@` + digest + `","containerID":"containerd://1"}},"updateImages":true}`
	for name, test := range map[string]struct {
		state       string
		annotations map[string]string
		pod         func(pod *corev1.Pod)
		want        pending
	}{
		"nothing": {
			want: pending{Images: map[string]string{"app": "app:1"}},
		},
		"a change that is done": {
			state: began + `}`,
			want:  pending{Images: map[string]string{"app": "app:1"}, State: began + `}`},
		},
		"the grace period is not over": {
			state: began + `}`, annotations: map[string]string{grace: longer},
			want: pending{Wait: 30 * time.Second, OK: true, Images: map[string]string{"app": "app:1"}, Annotations: map[string]string{grace: longer}, State: began + `}`},
		},
		"the grace period is over": {
			state: began + `}`, annotations: map[string]string{grace: images},
			want: pending{OK: true, Images: map[string]string{"app": "app:2"}, State: `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z",` + app2},
		},
		"the grace period is over, under the older keys": {
			annotations: map[string]string{legacy: images, v1beta1.InPlaceUpdateStateLegacyAnnotation: began + `}`},
			want:        pending{OK: true, Images: map[string]string{"app": "app:2"}, State: `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z",` + app2},
		},
		"a grace period that nobody knows the beginning of": {
			annotations: map[string]string{grace: images},
			want:        pending{OK: true, Images: map[string]string{"app": "app:2"}, State: `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z",` + app2},
		},
		"fields of a later version survive": {
			state: began + `,"later":{"a":[1]}}`, annotations: map[string]string{grace: images},
			want: pending{OK: true, Images: map[string]string{"app": "app:2"}, State: `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z",` + app2[:len(app2)-1] + `,"later":{"a":[1]}}`},
		},
		"the Pod goes to another revision by now": {
			state: began + `}`, annotations: map[string]string{grace: removal},
			want: pending{OK: true, Images: map[string]string{"app": "app:1"}, State: began + `}`},
		},
		"a change that nobody can read": {
			annotations: map[string]string{grace: `{"revision":`},
			want:        pending{OK: true, Images: map[string]string{"app": "app:1"}},
		},
		"metadata, and a container that shows it": {
			state: began + `}`,
			annotations: map[string]string{grace: `{"revision":"web-1","containerRefMetadata":{"app":{"labels":{"ver":"2"}}},"updateEnvFromMetadata":true,` +
				`"metaDataPatch":"` + base64(`{"metadata":{"labels":{"ver":"2"},"annotations":{"note":"b"}}}`) + `"}`},
			want: pending{
				OK: true, Images: map[string]string{"app": "app:1@" + digest},
				Labels: map[string]string{"ver": "2"}, Annotations: map[string]string{"note": "b"},
				State: `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":null,"restarted":{"app":{"containerID":"containerd://1","images":["app:1"]}}}`,
			},
		},
		"a container that shows metadata and cannot be restarted by its image": {
			state:       began + `}`,
			annotations: map[string]string{grace: `{"revision":"web-1","containerRefMetadata":{"app":{"labels":{"ver":"2"}}}}`},
			pod:         func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].ImageID = "sha256:local" },
			want: pending{
				OK: true, Images: map[string]string{"app": "app:1"}, Labels: map[string]string{"ver": "2"},
				State: `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":null}`,
			},
		},
		"a container that is not there": {
			state: began + `}`, annotations: map[string]string{grace: `{"revision":"web-1","containerImages":{"gone":"x"},"containerResources":{"gone":{}}}`},
			want: pending{OK: true, Images: map[string]string{"app": "app:1"}, State: `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":null}`},
		},
		"the next containers, when those before them are ready": {
			state: began + `,"nextContainerImages":{"app":"app:2"},"preCheckBeforeNext":{"containersRequiredReady":["app","gone"]}}`,
			want:  pending{OK: true, Images: map[string]string{"app": "app:2"}, State: `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z",` + app2},
		},
		"the next containers, when those before them are not ready": {
			state: began + `,"nextContainerImages":{"app":"app:2"},"preCheckBeforeNext":{"containersRequiredReady":["app"]}}`,
			pod:   func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].Ready = false },
			want: pending{
				OK: true, Images: map[string]string{"app": "app:1"},
				State: began + `,"nextContainerImages":{"app":"app:2"},"preCheckBeforeNext":{"containersRequiredReady":["app"]}}`,
			},
		},
		"next is nothing but resources": {
			state: began + `,"nextContainerResources":{"app":{"requests":{"cpu":"2"}}}}`,
			want:  pending{OK: true, Images: map[string]string{"app": "app:1"}, State: `{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":null,"updateResources":true,"resized":["app"]}`},
		},
		"next on the way to another revision": {
			state: `{"revision":"web-0","updateTimestamp":"2026-01-02T03:03:05Z","lastContainerStatuses":null,"nextContainerImages":{"app":"app:2"}}`,
			want:  pending{OK: true, Images: map[string]string{"app": "app:1"}, State: `{"revision":"web-0","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":null}`},
		},
		"next on the way to another revision waits for nothing": {
			state: `{"revision":"web-0","updateTimestamp":"2026-01-02T03:03:05Z","lastContainerStatuses":null,"nextContainerImages":{"app":"app:2"},"preCheckBeforeNext":{"containersRequiredReady":["app"]}}`,
			pod:   func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].Ready = false },
			want:  pending{OK: true, Images: map[string]string{"app": "app:1"}, State: `{"revision":"web-0","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":null}`},
		},
		"a state that nobody can read": {
			state: `{"nextContainerImages":7}`,
			want:  pending{Images: map[string]string{"app": "app:1"}, State: `{"nextContainerImages":7}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := runs("app:1", "docker.io/library/app@"+digest)
			metav1.SetMetaDataLabel(&pod.ObjectMeta, "controller-revision-hash", "web-1")
			if test.state != "" {
				metav1.SetMetaDataAnnotation(&pod.ObjectMeta, v1beta1.InPlaceUpdateStateAnnotation, test.state)
			}
			for key, value := range test.annotations {
				metav1.SetMetaDataAnnotation(&pod.ObjectMeta, key, value)
			}
			if test.pod != nil {
				test.pod(pod)
			}
			if test.want.Annotations == nil {
				test.want.Annotations = map[string]string{}
			}
			if test.want.Labels == nil {
				test.want.Labels = map[string]string{}
			}
			if diff := cmp.Diff(test.want, observe(t, pod)); diff != "" {
				t.Errorf("Pending (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPendingResizes(t *testing.T) {
	pod := sized()
	metav1.SetMetaDataLabel(&pod.ObjectMeta, "controller-revision-hash", "web-1")
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, v1beta1.InPlaceUpdateGraceAnnotation,
		`{"revision":"web-1","containerResources":{"app":{"requests":{"cpu":"2"}}}}`)
	edits, _, _ := inplace.Pending(pod, now)
	got := apply(t, edits, pod)
	if diff := cmp.Diff(cpu("2"), got.Spec.Containers[0].Resources.Requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(memory("2Gi"), got.Spec.Containers[0].Resources.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}

func TestPendingIsCarriedToItsEnd(t *testing.T) {
	pod := updated(began+`,"nextContainerImages":{"log":"log:2"},"preCheckBeforeNext":{"containersRequiredReady":["app"]}}`).
		Annotation(v1beta1.InPlaceUpdateGraceAnnotation, `{"revision":"web-1","containerImages":{"app":"app:2"},"graceSeconds":120}`).Obj()
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "log", Image: "log:1"})
	build.RunContainers(pod)
	var got []string
	at := now
	for range 10 {
		edits, wait, ok := inplace.Pending(pod, at)
		switch {
		case !ok && inplace.Unfinished(pod) == "":
			got = append(got, "done")
			want := []string{"its change waits for the end of a grace period of 120s", "containers log are changed next", "the kubelet has not seen yet that container app is to run app:2", "done"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			return
		case wait > 0:
			got = append(got, inplace.Unfinished(pod))
			at = metav1.NewTime(at.Add(wait))
		case !edits.Empty():
			pod = apply(t, edits, pod)
			pod.Generation++
			got = append(got, inplace.Unfinished(pod))
			build.RunContainers(pod)
		}
	}
	t.Errorf("never done: %q", got)
}
