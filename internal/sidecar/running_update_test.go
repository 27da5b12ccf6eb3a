// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// carryOut does to the Pod what an update says, but for new resources.
func carryOut(pod *corev1.Pod, update *sidecar.Update) {
	for name, image := range update.Images {
		pods.Find(pod, name).Image = image
	}
	for key, value := range update.Annotations {
		pod.Annotations[key] = *value
	}
	maps.Copy(pod.Annotations, update.Records)
	pod.Generation++
}

func TestUpdateInPlaceStepByStep(t *testing.T) {
	object := build.MakeSidecarSet("s").Container("agent", "agent:1").NativeSidecar("mesh", "mesh:1").InitContainer("setup", "setup:1").Obj()
	old := compile(t, object)
	pod := build.MakePod("p").New().Obj()
	inject(t, pod, old)
	build.RunContainers(pod)
	build.SetReady(pod, true, build.Epoch)

	object = object.DeepCopy()
	object.Spec.Containers[0].Image, object.Spec.InitContainers[0].Image = "agent:2", "mesh:2"
	set := compile(t, object)
	type look struct{ Holds, Updated, Upgradable, Settled bool }
	expect := func(step string, want look) {
		t.Helper()
		v := sidecar.NewView(pod, set)
		if diff := cmp.Diff(want, look{v.Holds(), v.Updated(), v.Upgradable(), v.Settled()}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	expect("before", look{Holds: true, Upgradable: true, Settled: true})

	change, err := set.Update(sidecar.NewView(pod, set), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"agent": "agent:2", "mesh": "mesh:2"}, change.Images); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	carryOut(pod, change)
	expect("after the write", look{Holds: true, Updated: true, Upgradable: true})

	build.RunContainers(pod)
	expect("after the kubelet", look{Holds: true, Updated: true, Upgradable: true, Settled: true})
}

func TestUpdateKeepsWhatOtherSetsWrote(t *testing.T) {
	object := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	other := compile(t, build.MakeSidecarSet("other").Container("logs", "logs:1").Obj())
	pod := build.MakePod("p").New().Obj()
	inject(t, pod, compile(t, object), other)
	foreign := `{"foreign":{"hash":"x","unknown":{"a":1}}}`
	pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation] = foreign

	object = object.DeepCopy()
	object.Spec.Containers[0].Image = "agent:2"
	set := compile(t, object)
	change, err := set.Update(sidecar.NewView(pod, set), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	carryOut(pod, change)
	if view := sidecar.NewView(pod, other); !view.Updated() {
		t.Error("the other set's entry is lost")
	}
	wantPrefix := foreign[:len(foreign)-1] + `,"s":{`
	if got := pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation]; got[:len(wantPrefix)] != wantPrefix {
		t.Errorf("the foreign entry changed: %s", got)
	}
}

func TestMoreThanImagesIsNotUpgradable(t *testing.T) {
	object := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	pod := build.MakePod("p").New().Obj()
	inject(t, pod, compile(t, object))
	object = object.DeepCopy()
	object.Spec.Containers[0].Args = []string{"-v"}
	if view := sidecar.NewView(pod, compile(t, object)); view.Upgradable() {
		t.Error("an argument cannot change in a running Pod")
	}
}

func TestUpdateWritesTheSetsMetadata(t *testing.T) {
	object := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	pod := build.MakePod("p").New().Annotation("kept", "own").Annotation("replaced", "own").Annotation("merged", `{"own":1}`).Obj()
	inject(t, pod, compile(t, object))
	object = object.DeepCopy()
	object.Spec.Containers[0].Image = "agent:2"
	object.Spec.PatchPodMetadata = []v1beta1.SidecarSetPatchPodMetadata{
		{Annotations: map[string]string{"kept": "set", "added": "set"}},
		{PatchPolicy: v1beta1.SidecarSetOverwritePatchPolicy, Annotations: map[string]string{"replaced": "set"}},
		{PatchPolicy: v1beta1.SidecarSetMergePatchJSONPatchPolicy, Annotations: map[string]string{"merged": `{"set":2}`}},
	}
	set := compile(t, object)
	change, err := set.Update(sidecar.NewView(pod, set), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, key := range []string{"kept", "added", "replaced", "merged"} {
		if value, ok := change.Annotations[key]; ok {
			got[key] = *value
		}
	}
	want := map[string]string{"added": "set", "replaced": "set", "merged": `{"own":1,"set":2}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

// A LimitRange, or somebody who resizes Pods, may have given a sidecar more than its set says. The API server lets a
// running Pod lose nothing of that.
func TestAResizeWritesOnlyTheAmountsThatChange(t *testing.T) {
	amount := func(cpu string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	}
	version := func(cpu string) *sidecar.Set {
		object := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
		object.Spec.Containers[0].Resources.Requests = amount(cpu)
		return compile(t, object)
	}
	for name, test := range map[string]struct {
		has  string
		want map[string]corev1.ResourceRequirements
		owed []string
	}{
		"another request":         {"10m", map[string]corev1.ResourceRequirements{"agent": {Requests: amount("20m")}}, []string{"agent"}},
		"the request that it has": {"20m", map[string]corev1.ResourceRequirements{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("p").New().Obj()
			inject(t, pod, version("10m"))
			pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: amount(test.has), Limits: amount("1")}
			build.RunContainers(pod)
			set := version("20m")
			update, err := set.Update(sidecar.NewView(pod, set), []string{"agent"}, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, update.Resources); diff != "" {
				t.Errorf("resources (-want +got):\n%s", diff)
			}
			carryOut(pod, update)
			if diff := cmp.Diff(test.owed, sidecar.NewView(pod, set).OwedResizes()); diff != "" {
				t.Errorf("owed (-want +got):\n%s", diff)
			}
		})
	}
}

// The API server gives a Pod a request for every limit that has none, and a set has no such thing. The Pod would be
// Burstable where it was Guaranteed, or request more than its new limit.
func TestARequestFollowsTheOnlyLimit(t *testing.T) {
	version := func(limit string) *sidecar.Set {
		object := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
		object.Spec.Containers[0].Resources.Limits = build.Resources(limit, "64Mi").Limits
		return compile(t, object)
	}
	for _, limit := range []string{"50m", "200m"} {
		t.Run(limit, func(t *testing.T) {
			pod := build.MakePod("p").New().Obj()
			inject(t, pod, version("100m"))
			for i := range pod.Spec.Containers {
				pod.Spec.Containers[i].Resources.Limits = build.Resources("100m", "64Mi").Limits
			}
			coredefaults.SetObjectDefaults_Pod(pod)
			build.RunContainers(pod)
			for i := range pod.Status.ContainerStatuses {
				pod.Status.ContainerStatuses[i].Resources = &corev1.ResourceRequirements{} // its kubelet resizes
			}
			set := version(limit)
			view := sidecar.NewView(pod, set)
			if obstacles := set.ResizeObstacles(view, []string{"agent"}, true); obstacles != nil {
				t.Error(obstacles)
			}
			update, err := set.Update(view, []string{"agent"}, now)
			if err != nil {
				t.Fatal(err)
			}
			cpu := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(limit)}
			want := map[string]corev1.ResourceRequirements{"agent": {Requests: cpu, Limits: cpu}}
			if diff := cmp.Diff(want, update.Resources); diff != "" {
				t.Errorf("resources (-want +got):\n%s", diff)
			}
		})
	}
}
