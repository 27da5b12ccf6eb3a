// SPDX-License-Identifier: Apache-2.0

package inplace_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4" // the one that the API server applies patches with
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/podpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// applier is a test that patches Pods.
type applier interface {
	Helper()
	Fatalf(format string, args ...any)
}

// apply does with edits what the API server does.
func apply(t applier, edits inplace.Edits, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	for _, patch := range []*podpatch.Patch{edits.Resize, edits.Pod} {
		if !patch.Empty() {
			pod = applyOne(t, patch, pod)
		}
	}
	return pod
}

func applyOne(t applier, patch *podpatch.Patch, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	data, err := patch.JSON()
	if err != nil {
		t.Fatalf("%v", err)
	}
	before, err := json.Marshal(pod)
	if err != nil {
		t.Fatalf("%v", err)
	}
	decoded, err := jsonpatch.DecodePatch(data)
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	after, err := decoded.Apply(before)
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	out := &corev1.Pod{}
	if err := json.Unmarshal(after, out); err != nil {
		t.Fatalf("%v", err)
	}
	return out
}

// updated is a Pod that OpenKruise or Windlass changed in place before.
func updated(state string) *build.PodBuilder {
	return build.MakePod("web-0").Label("controller-revision-hash", "web-1").Annotation(v1beta1.InPlaceUpdateStateAnnotation, state)
}

func TestBeginWritesEverythingAtOnce(t *testing.T) {
	pod := build.MakePod("web-0").InitContainer("mesh", "mesh:1").Running().
		Label("controller-revision-hash", "web-1").Label("ver", "1").Annotation("note", "a").Obj()
	pod.Finalizers = []string{"example.com/hold"}
	change := inplace.Change{
		Images:      map[string]string{"app": "app:2", "mesh": "mesh:2"},
		Labels:      map[string]*string{"ver": ptr.To("2")},
		Annotations: map[string]*string{"note": nil}, AddFinalizers: []string{"example.com/other"},
	}
	edits, err := inplace.Begin(pod, change, "web-2", now)
	if err != nil {
		t.Fatal(err)
	}
	if !edits.Resize.Empty() {
		t.Error("there is nothing to resize")
	}
	want := pod.DeepCopy()
	want.Spec.Containers[0].Image, want.Spec.InitContainers[0].Image = "app:2", "mesh:2"
	want.Finalizers = append(want.Finalizers, "example.com/other")
	want.Labels = map[string]string{"controller-revision-hash": "web-2", "ver": "2"}
	want.Annotations = map[string]string{v1beta1.InPlaceUpdateStateAnnotation: `{"revision":"web-2","updateTimestamp":"2026-01-02T03:04:05Z",` +
		`"lastContainerStatuses":{"app":{"imageID":"registry.example/by-id@sha256:app:1","containerID":"containerd://app-0"},` +
		`"mesh":{"imageID":"registry.example/by-id@sha256:mesh:1","containerID":"containerd://mesh-0"}},"updateImages":true}`}
	if diff := cmp.Diff(fields(t, want), fields(t, apply(t, edits, pod))); diff != "" {
		t.Errorf("Pod (-want +got):\n%s", diff)
	}
}

func fields(t *testing.T, object any) (out map[string]any) {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// sized is a Pod whose container has resources that the kubelet reports.
func sized() *corev1.Pod {
	pod := build.MakePod("web-0").Obj()
	pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: cpu("1"), Limits: memory("2Gi")}
	pod.Status.ContainerStatuses[0].Resources = pod.Spec.Containers[0].Resources.DeepCopy()
	return pod
}

func TestBeginResizesByItself(t *testing.T) {
	pod := sized()
	change := inplace.Change{Resources: map[string]corev1.ResourceRequirements{"app": {Requests: cpu("2"), Limits: cpu("4")}}}
	edits, err := inplace.Begin(pod, change, "web-2", now)
	if err != nil {
		t.Fatal(err)
	}
	got := apply(t, edits, pod)
	wanted := corev1.ResourceRequirements{Requests: cpu("2"), Limits: memory("2Gi")}
	wanted.Limits[corev1.ResourceCPU] = resource.MustParse("4")
	if diff := cmp.Diff(wanted, got.Spec.Containers[0].Resources); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	if onlyPod := applyOne(t, edits.Pod, pod); !cmp.Equal(onlyPod.Spec, pod.Spec) {
		t.Errorf("the patch of the Pod changes its spec too:\n%s", cmp.Diff(pod.Spec, onlyPod.Spec))
	}
	if diff := cmp.Diff("container app does not have its new resources yet", inplace.Unfinished(got)); diff != "" {
		t.Errorf("Unfinished (-want +got):\n%s", diff)
	}
	got.Status.ContainerStatuses[0].Resources = &wanted
	if diff := cmp.Diff("", inplace.Unfinished(got)); diff != "" {
		t.Errorf("Unfinished in the end (-want +got):\n%s", diff)
	}
}

// The operator may die between the two writes. The next one must not resize again, and yet wait for the kubelet.
func TestBeginAfterAResizeThatWasTheLastThingDone(t *testing.T) {
	pod := sized()
	change := inplace.Change{Resources: map[string]corev1.ResourceRequirements{"app": {Requests: cpu("2")}}}
	edits, err := inplace.Begin(pod, change, "web-2", now)
	if err != nil {
		t.Fatal(err)
	}
	resized := applyOne(t, edits.Resize, pod)
	edits, err = inplace.Begin(resized, change, "web-2", now)
	if err != nil {
		t.Fatal(err)
	}
	if !edits.Resize.Empty() {
		t.Error("the Pod is resized again")
	}
	want := "container app does not have its new resources yet"
	if diff := cmp.Diff(want, inplace.Unfinished(applyOne(t, edits.Pod, resized))); diff != "" {
		t.Errorf("Unfinished (-want +got):\n%s", diff)
	}
}

func TestObstaclesOfTheResize(t *testing.T) {
	more := map[string]corev1.ResourceRequirements{"app": {Requests: cpu("2")}}
	for name, test := range map[string]struct {
		pod    func(pod *corev1.Pod)
		change map[string]corev1.ResourceRequirements
		want   []string
	}{
		"none": {func(*corev1.Pod) {}, more, nil},
		"the kubelet reports no resources": {
			func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].Resources = nil }, more,
			[]string{"the kubelet of node node-1 resizes no containers"},
		},
		"the kubelet reports none, and the Pod has what it is to have": {
			func(pod *corev1.Pod) {
				pod.Status.ContainerStatuses[0].Resources, pod.Spec.Containers[0].Resources.Requests = nil, cpu("2")
			},
			more, nil,
		},
		"somebody gave the Pod a limit": {
			func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources.Limits = cpu("1500m") }, more,
			[]string{"container app of the Pod would request more cpu than its limit"},
		},
		"somebody gave the Pod another QoS class": {
			func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{} }, more,
			[]string{"the Pod's QoS class would change from BestEffort to Burstable"},
		},
		"the Pod has resources of its own, which decide its QoS class": {
			func(pod *corev1.Pod) {
				own := build.Resources("4", "4Gi")
				pod.Spec.Resources, pod.Spec.Containers[0].Resources = &own, corev1.ResourceRequirements{}
			},
			more, nil,
		},
		"a Windows Pod": {
			func(pod *corev1.Pod) { pod.Spec.OS = &corev1.PodOS{Name: corev1.Windows} }, more,
			[]string{"a Windows Pod cannot be resized"},
		},
		"a Windows Pod that has what it is to have": {
			func(pod *corev1.Pod) {
				pod.Spec.OS, pod.Spec.Containers[0].Resources.Requests = &corev1.PodOS{Name: corev1.Windows}, cpu("2")
			},
			more, nil,
		},
		"no such container": {
			func(*corev1.Pod) {}, map[string]corev1.ResourceRequirements{"other": {Requests: cpu("2")}},
			[]string{"the Pod has no container other"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := sized()
			test.pod(pod)
			got := inplace.Change{Resources: test.change}.Obstacles(pod)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("obstacles (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRestartsContainers(t *testing.T) {
	pod := build.MakePod("web-0").Obj()
	for name, test := range map[string]struct {
		change inplace.Change
		want   bool
	}{
		"nothing":                         {inplace.Change{}, false},
		"metadata":                        {inplace.Change{Labels: map[string]*string{"a": nil}}, false},
		"a resize":                        {inplace.Change{Resources: map[string]corev1.ResourceRequirements{"app": {}}}, false},
		"a resize with a restart":         {inplace.Change{ResizeRestarts: []string{"app"}}, true},
		"an image":                        {inplace.Change{Images: map[string]string{"app": "app:2"}}, true},
		"the image that the Pod has":      {inplace.Change{Images: map[string]string{"app": "app:1"}}, false},
		"a variable that shows metadata":  {inplace.Change{Restart: map[string]string{"app": "app:1"}}, true},
		"a finalizer, which is no reason": {inplace.Change{AddFinalizers: []string{"a"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.change.RestartsContainers(pod); got != test.want {
				t.Errorf("RestartsContainers = %t, want %t", got, test.want)
			}
		})
	}
}

func TestBeginWhileAnEarlierChangeIsUnderWay(t *testing.T) {
	const inFlight = `{"revision":"web-1","updateTimestamp":"2026-01-01T00:00:00Z","lastContainerStatuses":{"app":{"imageID":"old"}},"updateImages":true}`
	pod := updated(inFlight).InitContainer("mesh", "mesh:1").Running().Obj()
	pod.Spec.Containers[0].Image = "app:2" // and the kubelet still runs app:1
	pod.Status.ContainerStatuses[0].ImageID = "old"
	edits, err := inplace.Begin(pod, inplace.Change{Images: map[string]string{"mesh": "mesh:2"}}, "web-2", now)
	if err != nil {
		t.Fatal(err)
	}
	got := apply(t, edits, pod)
	build.RunContainers(got)
	got.Status.ContainerStatuses[0] = pod.Status.ContainerStatuses[0]
	if diff := cmp.Diff("container app still runs app:1, waiting for app:2", inplace.Unfinished(got)); diff != "" {
		t.Errorf("Unfinished (-want +got):\n%s", diff)
	}
}

func TestBeginForgetsWhatIsDone(t *testing.T) {
	const done = `{"revision":"web-1","updateTimestamp":"2026-01-01T00:00:00Z","lastContainerStatuses":{"app":{"imageID":"old"}},"updateImages":true}`
	pod := updated(done).Obj()
	edits, err := inplace.Begin(pod, inplace.Change{}, "web-2", now)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"revision":"web-2","updateTimestamp":"2026-01-02T03:04:05Z","lastContainerStatuses":{}}`
	if diff := cmp.Diff(want, apply(t, edits, pod).Annotations[v1beta1.InPlaceUpdateStateAnnotation]); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

// The new revision's difference is from the one on the Pod's label, which the Pod has not reached yet.
func TestBeginMakesUpForWhatOpenKruiseLeft(t *testing.T) {
	pod := updated(`{"revision":"web-1","updateTimestamp":"2026-01-02T03:04:00Z","lastContainerStatuses":null,"nextContainerImages":{"log":"log:2"}}`).
		Annotation(v1beta1.InPlaceUpdateGraceAnnotation, `{"revision":"web-1","containerImages":{"app":"app:2"},"graceSeconds":3600,`+
			`"metaDataPatch":"`+base64(`{"metadata":{"labels":{"ver":"2","old":null}}}`)+`"}`).
		Label("ver", "1").Label("old", "1").Obj()
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "log", Image: "log:1"})
	build.RunContainers(pod)
	edits, err := inplace.Begin(pod, inplace.Change{Labels: map[string]*string{"ver": ptr.To("3")}}, "web-2", now)
	if err != nil {
		t.Fatal(err)
	}
	got := apply(t, edits, pod)
	if diff := cmp.Diff([]string{"app:2", "log:2"}, []string{got.Spec.Containers[0].Image, got.Spec.Containers[1].Image}); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"controller-revision-hash": "web-2", "ver": "3"}, got.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if _, waits := got.Annotations[v1beta1.InPlaceUpdateGraceAnnotation]; waits {
		t.Error("the change that waited for its grace period is still there")
	}
	if _, _, pending := inplace.Pending(got, now); pending {
		t.Error("there is still something pending")
	}
}

// One container is written once: its new image restarts it.
func TestBeginOfARestartWhereOpenKruiseLeftAnImage(t *testing.T) {
	pod := runs("app:1", "docker.io/library/app@"+digest)
	pod.Labels = map[string]string{"controller-revision-hash": "web-1"}
	pod.Annotations = map[string]string{v1beta1.InPlaceUpdateStateAnnotation: `{"revision":"web-1","nextContainerImages":{"app":"app:2"}}`}
	edits, err := inplace.Begin(pod, inplace.Change{
		Labels: map[string]*string{"ver": ptr.To("2")}, Restart: map[string]string{"app": "app:2"},
	}, "web-2", now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("app:2", apply(t, edits, pod).Spec.Containers[0].Image); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
}

// A new image makes the restart that is still awaited needless. Should the image be taken back before the kubelet acts,
// nothing restarts at all.
func TestBeginOfAnImageEndsTheWaitForARestart(t *testing.T) {
	pod := runs("app:1", "docker.io/library/app@"+digest)
	for _, change := range []inplace.Change{
		{Restart: map[string]string{"app": "app:1"}},
		{Images: map[string]string{"app": "app:2"}},
		{Images: map[string]string{"app": "app:1"}},
	} {
		edits, err := inplace.Begin(pod, change, "web-2", now)
		if err != nil {
			t.Fatal(err)
		}
		pod = apply(t, edits, pod)
	}
	if diff := cmp.Diff("", inplace.Unfinished(pod)); diff != "" {
		t.Errorf("Unfinished (-want +got):\n%s", diff)
	}
}

// What the node can never give is owed, and said; the rest of the change is written at once.
func TestAResizeThatTheServerRefusesIsOwed(t *testing.T) {
	cpu := func(amount string) map[string]corev1.ResourceRequirements {
		return map[string]corev1.ResourceRequirements{"app": {Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}}}
	}
	pod := build.MakePod("web-0").Running().Label("controller-revision-hash", "web-1").Obj()
	pod.Spec.Containers[0].Resources = cpu("100m")["app"]
	pod.Status.ContainerStatuses[0].Resources = pod.Spec.Containers[0].Resources.DeepCopy()
	change := inplace.Change{
		Images: map[string]string{"app": "app:2"}, Resources: cpu("2"), ResizeRestarts: []string{"app"}, ResizeRefused: "node-1 has 1",
	}
	if resizes := (inplace.Change{Resources: cpu("2"), ResizeRestarts: []string{"app"}, ResizeRefused: "no"}); resizes.RestartsContainers(pod) {
		t.Error("what is not resized does not restart")
	}
	begin := func(change inplace.Change, revision string) inplace.Edits {
		t.Helper()
		edits, err := inplace.Begin(pod, change, revision, now)
		if err != nil {
			t.Fatal(err)
		}
		return edits
	}
	edits := begin(change, "web-2")
	if !edits.Resize.Empty() {
		t.Error("it is resized")
	}
	pod = apply(t, edits, pod)
	keepsUp(pod)
	words, only := inplace.Awaited(pod)
	if answer := inplace.Answered(pod); words != "its resize is refused: node-1 has 1" || !only || !answer.Infeasible() || answer.Message != "node-1 has 1" {
		t.Errorf("awaited %q (%t), answered %+v", words, only, answer)
	}
	if diff := cmp.Diff(cpu("2"), inplace.Owed(pod)); diff != "" {
		t.Errorf("owed (-want +got):\n%s", diff)
	}

	// The next revision has only another image, and the resize is due again.
	edits = begin(inplace.Change{Images: map[string]string{"app": "app:3"}}, "web-3")
	if edits.Resize.Empty() {
		t.Error("nothing is resized with the next revision")
	}
	resized := apply(t, edits, pod)
	if owed := inplace.Owed(resized); owed != nil || resized.Spec.Containers[0].Resources.Requests.Cpu().String() != "2" {
		t.Errorf("owed: %v, requests %v", owed, resized.Spec.Containers[0].Resources.Requests)
	}

	// One that goes back to what the Pod has owes nothing.
	pod = apply(t, begin(inplace.Change{Resources: cpu("100m")}, "web-1"), pod)
	keepsUp(pod)
	if words := inplace.Unfinished(pod); words != "" || inplace.Owed(pod) != nil || inplace.Answered(pod).Held() {
		t.Errorf("gone back: %q, owed %v", words, inplace.Owed(pod))
	}
}

// keepsUp is what a kubelet does.
func keepsUp(pod *corev1.Pod) {
	resources := pod.Spec.Containers[0].Resources.DeepCopy()
	build.RunContainers(pod)
	pod.Status.ContainerStatuses[0].Resources = resources
	pod.Status.ObservedGeneration = pod.Generation
}
