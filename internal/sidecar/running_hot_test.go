// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// turns is how the two containers of the hot sidecar "mesh" stand.
type turns struct {
	First, Second, Working string
	// Versions are version and alternative of the first, then of the second.
	Versions [4]string
}

func turnsOf(pod *corev1.Pod) turns {
	out := turns{Working: pod.Annotations[v1beta1.SidecarSetWorkingContainersAnnotation]}
	for _, c := range pod.Spec.Containers {
		switch c.Name {
		case "mesh-1":
			out.First = c.Image
		case "mesh-2":
			out.Second = c.Image
		}
	}
	for i, name := range []string{"mesh-1", "mesh-2"} {
		out.Versions[2*i] = pod.Annotations[v1beta1.SidecarSetVersionAnnotationPrefix+name]
		out.Versions[2*i+1] = pod.Annotations[v1beta1.SidecarSetVersionAltAnnotationPrefix+name]
	}
	return out
}

// The Pod that OpenKruise made is upgraded as OpenKruise would have done it.
func TestHotUpgradeRounds(t *testing.T) {
	var sets v1beta1.SidecarSetList
	var pods corev1.PodList
	load(t, "created-sidecarsets.json", &sets)
	load(t, "created-pods.json", &pods)
	var object *v1beta1.SidecarSet
	var pod *corev1.Pod
	for i := range sets.Items {
		if sets.Items[i].Name == "hot" {
			object = &sets.Items[i]
		}
	}
	for i := range pods.Items {
		if pods.Items[i].Name == "p-hot" {
			pod = &pods.Items[i]
		}
	}
	expect := func(step string, want turns) {
		t.Helper()
		if diff := cmp.Diff(want, turnsOf(pod)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	upgrade := func(image, resourceVersion string) *sidecar.Set {
		t.Helper()
		object = object.DeepCopy()
		object.Spec.Containers[0].Image, object.ResourceVersion = image, resourceVersion
		set := compile(t, object)
		change, err := set.Update(sidecar.NewView(pod, set), nil, now)
		if err != nil {
			t.Fatal(err)
		}
		carryOut(pod, change)
		return set
	}
	finish := func(set *sidecar.Set) bool {
		t.Helper()
		change, err := set.FinishHot(sidecar.NewView(pod, set), now)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			carryOut(pod, change)
		}
		return change != nil
	}
	expect("as injected", turns{"registry.example/mesh:1", "registry.example/empty:1", `{"mesh":"mesh-1"}`, [4]string{"1", "0", "0", "1"}})

	set := upgrade("mesh:2", "561")
	expect("upgrade", turns{"registry.example/mesh:1", "mesh:2", `{"mesh":"mesh-2"}`, [4]string{"1", "561", "561", "1"}})
	if finish(set) {
		t.Error("finished before the kubelet has started the new container")
	}
	build.RunContainers(pod)
	if view := sidecar.NewView(pod, set); !view.Updated() || view.HotFinished() {
		t.Errorf("after the kubelet: updated %t, finished %t", view.Updated(), view.HotFinished())
	}
	if !finish(set) {
		t.Fatal("not finished although the new container serves")
	}
	expect("finish", turns{"registry.example/empty:1", "mesh:2", `{"mesh":"mesh-2"}`, [4]string{"0", "561", "561", "0"}})
	build.RunContainers(pod)
	if finish(set) {
		t.Error("finished twice")
	}

	set = upgrade("mesh:bad", "600")
	expect("a bad image goes to the one that waits", turns{"mesh:bad", "mesh:2", `{"mesh":"mesh-1"}`, [4]string{"600", "561", "561", "600"}})
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].Name == "mesh-1" {
			pod.Status.ContainerStatuses[i].Ready = false
			pod.Status.ContainerStatuses[i].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
		}
	}
	build.SetReady(pod, false, build.Epoch)
	if finish(set) {
		t.Error("finished with a bad image: nothing would serve")
	}
	if name, reason := sidecar.NewView(pod, set).Broken(); name != "mesh-1" || reason != "ImagePullBackOff" {
		t.Errorf("broken: %s %s", name, reason)
	}
	set = upgrade("mesh:3", "700")
	expect("the next image replaces the bad one", turns{"mesh:3", "mesh:2", `{"mesh":"mesh-1"}`, [4]string{"700", "561", "561", "700"}})
	build.RunContainers(pod)
	build.SetReady(pod, true, build.Epoch)
	if !finish(set) {
		t.Fatal("not finished")
	}
	expect("finish", turns{"mesh:3", "registry.example/empty:1", `{"mesh":"mesh-1"}`, [4]string{"700", "0", "0", "700"}})
}

// An image that a kubelet has not begun to run proves nothing: what serves on is the one before it.
func TestTheNextHotUpgradeReplacesAnImageThatNobodyHasRunYet(t *testing.T) {
	object := build.MakeSidecarSet("s").Container("mesh", "mesh:1").Obj()
	object.Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
	}
	pod := build.MakePod("p").New().Obj()
	inject(t, pod, compile(t, object))
	build.RunContainers(pod)
	build.SetReady(pod, true, build.Epoch)
	for _, image := range []string{"mesh:bad", "mesh:2"} {
		object = object.DeepCopy()
		object.Spec.Containers[0].Image = image
		set := compile(t, object)
		change, err := set.Update(sidecar.NewView(pod, set), nil, now)
		if err != nil {
			t.Fatal(err)
		}
		carryOut(pod, change)
	}
	got := turnsOf(pod)
	if diff := cmp.Diff([]string{"mesh:1", "mesh:2"}, []string{got.First, got.Second}); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
}
