// SPDX-License-Identifier: Apache-2.0

package podpatch_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4" // the one that the API server applies patches with
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/podpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// apply does with a patch what the API server does.
func apply(t *testing.T, patch *podpatch.Patch, pod *corev1.Pod) (*corev1.Pod, error) {
	t.Helper()
	data, err := patch.JSON()
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonpatch.DecodePatch(data)
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	before, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	after, err := decoded.Apply(before)
	if err != nil {
		return nil, err
	}
	out := &corev1.Pod{}
	if err := json.Unmarshal(after, out); err != nil {
		t.Fatal(err)
	}
	return out, nil
}

func amounts(cpu, memory string) corev1.ResourceList {
	out := corev1.ResourceList{}
	if cpu != "" {
		out[corev1.ResourceCPU] = resource.MustParse(cpu)
	}
	if memory != "" {
		out[corev1.ResourceMemory] = resource.MustParse(memory)
	}
	return out
}

func owner(name string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: name, UID: "1"}
}

// row is one change of a Pod, told twice: as a patch, and as what it leads to.
type row struct {
	pod    *corev1.Pod
	change func(p *podpatch.Patch)
	want   func(pod *corev1.Pod)
	// meanwhile is what somebody else does to the Pod that makes the patch stale.
	meanwhile func(pod *corev1.Pod)
}

func metadataRows() map[string]row {
	return map[string]row{
		"the first label": {
			pod: build.MakePod("p").Obj(), change: func(p *podpatch.Patch) { p.Label("a/b", "1") },
			want:      func(pod *corev1.Pod) { pod.Labels = map[string]string{"a/b": "1"} },
			meanwhile: func(pod *corev1.Pod) { pod.Labels = map[string]string{"other": "1"} },
		},
		"another label": {
			pod: build.MakePod("p").Label("a", "1").Obj(), change: func(p *podpatch.Patch) { p.Label("b", "2") },
			want:      func(pod *corev1.Pod) { pod.Labels["b"] = "2" },
			meanwhile: func(pod *corev1.Pod) { pod.Labels["b"] = "3" },
		},
		"another value of a label": {
			pod: build.MakePod("p").Label("a", "1").Obj(), change: func(p *podpatch.Patch) { p.Label("a", "2") },
			want:      func(pod *corev1.Pod) { pod.Labels["a"] = "2" },
			meanwhile: func(pod *corev1.Pod) { pod.Labels["a"] = "3" },
		},
		"the last label goes": {
			pod: build.MakePod("p").Label("a", "1").Obj(), change: func(p *podpatch.Patch) { p.RemoveLabel("a") },
			want:      func(pod *corev1.Pod) { pod.Labels = nil },
			meanwhile: func(pod *corev1.Pod) { pod.Labels["a"] = "3" },
		},
		"the later of two calls counts": {
			pod:       build.MakePod("p").Label("a", "1").Obj(),
			change:    func(p *podpatch.Patch) { p.RemoveLabel("a").Label("a", "2").Label("b", "1").RemoveLabel("b") },
			want:      func(pod *corev1.Pod) { pod.Labels["a"] = "2" },
			meanwhile: func(pod *corev1.Pod) { pod.Labels = nil },
		},
		"the first annotations": {
			pod: build.MakePod("p").Obj(), change: func(p *podpatch.Patch) { p.Annotation("a~b", "1").Annotation("c", "2") },
			want:      func(pod *corev1.Pod) { pod.Annotations = map[string]string{"a~b": "1", "c": "2"} },
			meanwhile: func(pod *corev1.Pod) { pod.Annotations = map[string]string{"other": "1"} },
		},
		"an annotation changes and another goes": {
			pod:       build.MakePod("p").Annotation("a", "1").Annotation("b", "1").Obj(),
			change:    func(p *podpatch.Patch) { p.Annotation("a", "2").RemoveAnnotation("b") },
			want:      func(pod *corev1.Pod) { pod.Annotations = map[string]string{"a": "2"} },
			meanwhile: func(pod *corev1.Pod) { delete(pod.Annotations, "b") },
		},
		"the first finalizer": {
			pod: build.MakePod("p").Obj(), change: func(p *podpatch.Patch) { p.AddFinalizer("x/y").AddFinalizer("x/y") },
			want:      func(pod *corev1.Pod) { pod.Finalizers = []string{"x/y"} },
			meanwhile: func(pod *corev1.Pod) { pod.Finalizers = []string{"z"} },
		},
		"one finalizer comes and another goes": {
			pod:       withFinalizers("a", "b"),
			change:    func(p *podpatch.Patch) { p.AddFinalizer("c").RemoveFinalizer("a") },
			want:      func(pod *corev1.Pod) { pod.Finalizers = []string{"b", "c"} },
			meanwhile: func(pod *corev1.Pod) { pod.Finalizers = []string{"a", "b", "d"} },
		},
		"the last finalizer goes": {
			pod: withFinalizers("a"), change: func(p *podpatch.Patch) { p.RemoveFinalizer("a") },
			want:      func(pod *corev1.Pod) { pod.Finalizers = nil },
			meanwhile: func(pod *corev1.Pod) { pod.Finalizers = nil },
		},
		"an orphan gets an owner": {
			pod: build.MakePod("p").Obj(), change: func(p *podpatch.Patch) { p.OwnerReferences([]metav1.OwnerReference{owner("a")}) },
			want:      func(pod *corev1.Pod) { pod.OwnerReferences = []metav1.OwnerReference{owner("a")} },
			meanwhile: func(pod *corev1.Pod) { pod.OwnerReferences = []metav1.OwnerReference{owner("b")} },
		},
		"the owner lets go": {
			pod: ownedBy("a"), change: func(p *podpatch.Patch) { p.OwnerReferences(nil) },
			want:      func(pod *corev1.Pod) { pod.OwnerReferences = nil },
			meanwhile: func(pod *corev1.Pod) { pod.OwnerReferences = append(pod.OwnerReferences, owner("b")) },
		},
	}
}

func containerRows() map[string]row {
	return map[string]row{
		"an image": {
			pod: build.MakePod("p").Obj(), change: func(p *podpatch.Patch) { p.Image("app", "app:2") },
			want:      func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = "app:2" },
			meanwhile: func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = "app:3" },
		},
		"the image of an init container": {
			pod:       build.MakePod("p").InitContainer("mesh", "mesh:1").Obj(),
			change:    func(p *podpatch.Patch) { p.Image("mesh", "mesh:2") },
			want:      func(pod *corev1.Pod) { pod.Spec.InitContainers[0].Image = "mesh:2" },
			meanwhile: func(pod *corev1.Pod) { pod.Spec.InitContainers[0].Name = "other" },
		},
		"the first resources": {
			pod: build.MakePod("p").Obj(),
			change: func(p *podpatch.Patch) {
				p.Resources("app", corev1.ResourceRequirements{Limits: amounts("1", "1Gi")})
			},
			want:      func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources.Limits = amounts("1", "1Gi") },
			meanwhile: func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources.Limits = amounts("", "1Gi") },
		},
		"one more amount and another one changed, in other words": {
			pod: withResources(corev1.ResourceRequirements{Requests: amounts("1500m", "")}),
			change: func(p *podpatch.Patch) {
				p.Resources("app", corev1.ResourceRequirements{Requests: amounts("2", "1Gi")})
			},
			want:      func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources.Requests = amounts("2", "1Gi") },
			meanwhile: func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources.Requests = amounts("1", "") },
		},
		"amounts that are not named stay": {
			pod: withResources(corev1.ResourceRequirements{Requests: amounts("1", "1Gi")}),
			change: func(p *podpatch.Patch) {
				p.Resources("app", corev1.ResourceRequirements{Requests: amounts("", "2Gi")})
			},
			want:      func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources.Requests = amounts("1", "2Gi") },
			meanwhile: func(pod *corev1.Pod) { pod.Spec.Containers[0].Name = "other" },
		},
	}
}

func withFinalizers(names ...string) *corev1.Pod {
	pod := build.MakePod("p").Obj()
	pod.Finalizers = names
	return pod
}

func ownedBy(name string) *corev1.Pod {
	pod := build.MakePod("p").Obj()
	pod.OwnerReferences = []metav1.OwnerReference{owner(name)}
	return pod
}

func withResources(resources corev1.ResourceRequirements) *corev1.Pod {
	pod := build.MakePod("p").Obj()
	pod.Spec.Containers[0].Resources = resources
	return pod
}

func TestPatch(t *testing.T) {
	for _, rows := range []map[string]row{metadataRows(), containerRows()} {
		for name, test := range rows {
			t.Run(name, func(t *testing.T) {
				patch := podpatch.New(test.pod)
				test.change(patch)
				if patch.Empty() {
					t.Error("the patch says that it is empty")
				}
				got, err := apply(t, patch, test.pod)
				if err != nil {
					t.Fatal(err)
				}
				want := test.pod.DeepCopy()
				test.want(want)
				if diff := cmp.Diff(fields(t, want), fields(t, got)); diff != "" {
					t.Errorf("Pod (-want +got):\n%s", diff)
				}
			})
			t.Run(name+", but the Pod has changed meanwhile", func(t *testing.T) {
				patch := podpatch.New(test.pod)
				test.change(patch)
				changed := test.pod.DeepCopy()
				test.meanwhile(changed)
				if got, err := apply(t, patch, changed); err == nil {
					t.Errorf("the patch was applied to a Pod that it was not made for: %+v", got)
				}
			})
		}
	}
}

// fields is an object as its fields are on the wire, where nil and empty are one.
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

func TestPatchOfAnotherPodIsRefused(t *testing.T) {
	patch := podpatch.New(build.MakePod("p").Obj()).Label("a", "1")
	other := build.MakePod("p").Obj()
	other.UID = "another"
	if got, err := apply(t, patch, other); err == nil {
		t.Errorf("the patch was applied to a Pod of another UID: %+v", got)
	}
}

func TestStatusWritesDoNotGetInTheWay(t *testing.T) {
	pod := build.MakePod("p").Label("a", "1").Obj()
	patch := podpatch.New(pod).Label("a", "2").Annotation("b", "1").Image("app", "app:2")
	changed := pod.DeepCopy()
	changed.ResourceVersion, changed.Status = "99", corev1.PodStatus{Phase: corev1.PodFailed}
	if _, err := apply(t, patch, changed); err != nil {
		t.Error(err)
	}
}

// The only annotation of a Pod may be one that the cache drops. Writing all of them at once would remove it.
func TestAnnotationsThatTheCacheDroppedStay(t *testing.T) {
	cached := build.MakePod("p").Obj()
	cached.Annotations = map[string]string{}
	pod := build.MakePod("p").Annotation(corev1.LastAppliedConfigAnnotation, "{}").Obj()
	got, err := apply(t, podpatch.New(cached).Annotation("a", "1"), pod)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "a": "1"}
	if diff := cmp.Diff(want, got.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

// Nobody knows whether a Pod has the annotation that the cache drops, so nothing can be expected of it.
func TestTheAnnotationThatTheCacheDropsCanBeWritten(t *testing.T) {
	cached := build.MakePod("p").Annotation("a", "1").Obj()
	pod := build.MakePod("p").Annotation("a", "1").Annotation(corev1.LastAppliedConfigAnnotation, "{}").Obj()
	got, err := apply(t, podpatch.New(cached).Annotation(corev1.LastAppliedConfigAnnotation, `{"b":"1"}`), pod)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{corev1.LastAppliedConfigAnnotation: `{"b":"1"}`, "a": "1"}
	if diff := cmp.Diff(want, got.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func TestNothingToWriteIsEmpty(t *testing.T) {
	pod := withFinalizers("f")
	pod.Labels, pod.Annotations = map[string]string{"a": "1"}, map[string]string{"b": "1"}
	pod.Spec.Containers[0].Resources.Requests = amounts("1", "")
	for name, change := range map[string]func(p *podpatch.Patch){
		"no call":                                            func(*podpatch.Patch) {},
		"a label that is so":                                 func(p *podpatch.Patch) { p.Label("a", "1") },
		"a label that is not there is removed":               func(p *podpatch.Patch) { p.RemoveLabel("c") },
		"a change that is taken back":                        func(p *podpatch.Patch) { p.Label("a", "2").Label("a", "1") },
		"an annotation that is so":                           func(p *podpatch.Patch) { p.Annotation("b", "1").RemoveAnnotation("c") },
		"a finalizer that is there":                          func(p *podpatch.Patch) { p.AddFinalizer("f").RemoveFinalizer("g") },
		"the owners that it has":                             func(p *podpatch.Patch) { p.OwnerReferences(nil) },
		"the image that it has":                              func(p *podpatch.Patch) { p.Image("app", "app:1") },
		"the image of a container that it does not have":     func(p *podpatch.Patch) { p.Image("other", "app:2") },
		"the resources of a container that it does not have": func(p *podpatch.Patch) { p.Resources("other", corev1.ResourceRequirements{Requests: amounts("1", "")}) },
		"the amount that it has": func(p *podpatch.Patch) {
			p.Resources("app", corev1.ResourceRequirements{Requests: amounts("1000m", "")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			patch := podpatch.New(pod)
			change(patch)
			if !patch.Empty() {
				data, _ := patch.JSON()
				t.Errorf("the patch is not empty: %s", data)
			}
		})
	}
}

func TestJSONDependsOnTheCallsAlone(t *testing.T) {
	pod := build.MakePod("p").Label("a", "1").Obj()
	want := `[{"op":"test","path":"/metadata/uid","value":"p-uid"},` +
		`{"op":"test","path":"/metadata/labels/a","value":"1"},{"op":"add","path":"/metadata/labels/a","value":"2"},` +
		`{"op":"test","path":"/metadata/labels/b~1c","value":null},{"op":"add","path":"/metadata/labels/b~1c","value":"3"},` +
		`{"op":"test","path":"/metadata/annotations","value":null},{"op":"add","path":"/metadata/annotations","value":{"x":"1","y":"2"}}]`
	got, err := podpatch.New(pod).Label("b/c", "3").Annotation("y", "2").Label("a", "2").Annotation("x", "1").JSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("patch (-want +got):\n%s", diff)
	}
}
