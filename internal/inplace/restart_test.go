// SPDX-License-Identifier: Apache-2.0

package inplace_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	build "github.com/windlass-operator/windlass/internal/testing"
)

var (
	digest = "sha256:" + strings.Repeat("a", 64)
	other  = "sha256:" + strings.Repeat("b", 64)
	now    = metav1.NewTime(build.Epoch)
)

// runs is a Pod whose container app has an image, runs under an ID of it, and is what the kubelet reports.
func runs(image, imageID string) *corev1.Pod {
	pod := build.MakePod("web-0").Obj()
	pod.Spec.Containers[0].Image = image
	status := &pod.Status.ContainerStatuses[0]
	status.Image, status.ImageID, status.ContainerID = image, imageID, "containerd://1"
	return pod
}

func TestRestartSpellsTheImageAnew(t *testing.T) {
	const repository = "registry.example/team/app"
	running := repository + "@" + digest
	for name, test := range map[string]struct{ image, imageID, template, want string }{
		"a tag gets the digest that runs":                      {repository + ":1", running, repository + ":1", repository + ":1@" + digest},
		"no tag too":                                           {repository, running, repository, repository + "@" + digest},
		"an older runtime's spelling of the ID":                {repository + ":1", "docker-pullable://" + running, repository + ":1", repository + ":1@" + digest},
		"a short name":                                         {"app:1", "docker.io/library/app@" + digest, "app:1", "app:1@" + digest},
		"a registry with a port":                               {"localhost:5000/app", "localhost:5000/app@" + digest, "localhost:5000/app", "localhost:5000/app@" + digest},
		"what was pinned goes back to the template's":          {repository + ":1@" + digest, running, repository + ":1", repository + ":1"},
		"the template's own pin loses the tag":                 {repository + ":1@" + digest, running, repository + ":1@" + digest, repository + "@" + digest},
		"and gets it back":                                     {repository + "@" + digest, running, repository + ":1@" + digest, repository + ":1@" + digest},
		"a digest alone gets a tag":                            {repository + "@" + digest, running, repository + "@" + digest, repository + ":restarted@" + digest},
		"and loses it again":                                   {repository + ":restarted@" + digest, running, repository + "@" + digest, repository + "@" + digest},
		"a pin keeps its digest, whatever is said to run":      {repository + ":1@" + digest, repository + "@" + other, repository + ":1@" + digest, repository + "@" + digest},
		"an image that somebody replaced keeps its repository": {"mirror.example/app:1", "mirror.example/app@" + digest, repository + ":1", "mirror.example/app:1@" + digest},
	} {
		t.Run(name, func(t *testing.T) {
			pod := runs(test.image, test.imageID)
			change := inplace.Change{Restart: map[string]string{"app": test.template}}
			if diff := cmp.Diff([]string(nil), change.Obstacles(pod)); diff != "" {
				t.Fatalf("obstacles (-want +got):\n%s", diff)
			}
			edits, err := inplace.Begin(pod, change, "web-2", now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, apply(t, edits, pod).Spec.Containers[0].Image); diff != "" {
				t.Errorf("image (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRestartThatCannotBeMadeInPlace(t *testing.T) {
	const prefix = "container app cannot be restarted in place: "
	for name, test := range map[string]struct{ image, imageID, want string }{
		"nothing has run yet":         {"app:1", "", prefix + "the kubelet has not said yet which image it runs"},
		"an ID of the runtime's own":  {"app:1", digest, prefix + `the image ID "` + digest + `" that the kubelet reports is not a digest of docker.io/library/app`},
		"an ID that is no reference":  {"app:1", "Not An ID", prefix + `the image ID "Not An ID" that the kubelet reports is not a digest of a repository`},
		"an image of another project": {"app:1", "mirror.example/app@" + digest, prefix + `the image ID "mirror.example/app@` + digest + `" that the kubelet reports is not a digest of docker.io/library/app`},
		"an image that is not one":    {"App:1", "x", prefix + `its image "App:1" is not a reference: invalid reference format: repository name (library/App) must be lowercase`},
	} {
		t.Run(name, func(t *testing.T) {
			pod := runs(test.image, test.imageID)
			change := inplace.Change{Restart: map[string]string{"app": "app:1"}}
			if diff := cmp.Diff([]string{test.want}, change.Obstacles(pod)); diff != "" {
				t.Errorf("obstacles (-want +got):\n%s", diff)
			}
			if _, err := inplace.Begin(pod, change, "web-2", now); err == nil || err.Error() != test.want {
				t.Errorf("Begin: %v, want %s", err, test.want)
			}
		})
	}
}

// While the kubelet has not restarted a container, it may still run what was started under any of the spellings so far.
// Only one more restarts it for sure.
func TestRestartsInARowNeverSpellAnImageTwice(t *testing.T) {
	pod := runs("app:1", "docker.io/library/app@"+digest)
	change := inplace.Change{Restart: map[string]string{"app": "app:1"}}
	spelled := []string{pod.Spec.Containers[0].Image}
	for range 2 {
		edits, err := inplace.Begin(pod, change, "web-2", now)
		if err != nil {
			t.Fatal(err)
		}
		pod = apply(t, edits, pod)
		spelled = append(spelled, pod.Spec.Containers[0].Image)
	}
	if diff := cmp.Diff([]string{"app:1", "app:1@" + digest, "app@" + digest}, spelled); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	want := []string{"container app cannot be restarted in place: it has not been restarted for several earlier changes yet"}
	if diff := cmp.Diff(want, change.Obstacles(pod)); diff != "" {
		t.Errorf("obstacles (-want +got):\n%s", diff)
	}
	restarted := pod.DeepCopy()
	restarted.Status.ContainerStatuses[0].ContainerID = "containerd://2"
	if diff := cmp.Diff([]string(nil), change.Obstacles(restarted)); diff != "" {
		t.Errorf("obstacles after the restart (-want +got):\n%s", diff)
	}
}

func TestARestartIsFinishedWhenAnotherContainerRuns(t *testing.T) {
	pod := runs("app:1", "docker.io/library/app@"+digest)
	edits, err := inplace.Begin(pod, inplace.Change{Restart: map[string]string{"app": "app:1"}}, "web-2", now)
	if err != nil {
		t.Fatal(err)
	}
	began := apply(t, edits, pod)
	began.Generation = 2
	for name, test := range map[string]struct {
		kubelet func(status *corev1.PodStatus)
		want    string
	}{
		"the kubelet has done nothing": {
			func(*corev1.PodStatus) {},
			"container app has not been restarted yet",
		},
		"the same container runs the same digest": {
			func(status *corev1.PodStatus) { status.ObservedGeneration = 2 },
			"container app has not been restarted yet",
		},
		"another container has not started": {
			func(status *corev1.PodStatus) {
				status.ObservedGeneration, status.ContainerStatuses[0].ContainerID = 2, "containerd://2"
				status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
			},
			"container app has not been restarted yet",
		},
		"the image cannot be pulled": {
			func(status *corev1.PodStatus) {
				status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}
			},
			"container app cannot be restarted: ErrImagePull",
		},
		"it crashed before the kubelet saw the change": {
			func(status *corev1.PodStatus) { status.ContainerStatuses[0].ContainerID = "containerd://2" },
			"container app has not been restarted yet",
		},
		"another container runs": {
			func(status *corev1.PodStatus) {
				status.ObservedGeneration, status.ContainerStatuses[0].ContainerID = 2, "containerd://2"
			},
			"",
		},
		"another container runs, and the kubelet does not say what it has seen": {
			func(status *corev1.PodStatus) {
				status.ObservedGeneration, status.ContainerStatuses[0].ContainerID = 0, "containerd://2"
			},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := began.DeepCopy()
			pod.Status.ObservedGeneration = 1
			test.kubelet(&pod.Status)
			if diff := cmp.Diff(test.want, inplace.Unfinished(pod)); diff != "" {
				t.Errorf("Unfinished (-want +got):\n%s", diff)
			}
		})
	}
	state := began.Annotations[v1beta1.InPlaceUpdateStateAnnotation]
	want := `{"revision":"web-2","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":{},"restarted":{"app":{"containerID":"containerd://1","images":["app:1"]}}}`
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}
