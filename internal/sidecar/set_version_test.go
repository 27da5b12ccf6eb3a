// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// A takeover must find the revision that OpenKruise recorded, not make one.
func TestRecordedRevisionsAreFoundAgain(t *testing.T) {
	for _, prefix := range []string{"created", "midway"} {
		var sets v1beta1.SidecarSetList
		var revisions appsv1.ControllerRevisionList
		load(t, prefix+"-sidecarsets.json", &sets)
		load(t, prefix+"-revisions.json", &revisions)
		for i := range sets.Items {
			set := compile(t, &sets.Items[i])
			var same []string
			for j := range revisions.Items {
				r := &revisions.Items[j]
				if r.Labels[v1beta1.SidecarSetNameLabel] == set.Name() && set.SameVersion(r.Data.Raw) {
					same = append(same, r.Name)
				}
			}
			if diff := cmp.Diff([]string{set.Object.Status.LatestRevision}, same); diff != "" {
				t.Errorf("%s: revisions of SidecarSet %s (-recorded +found):\n%s", prefix, set.Name(), diff)
			}
		}
	}
}

func TestASetGoesBackToARecordedVersion(t *testing.T) {
	object := build.MakeSidecarSet("s").Container("agent", "agent:1").InitContainer("setup", "setup:1").Obj()
	first := compile(t, object)
	data, err := first.VersionData()
	if err != nil {
		t.Fatal(err)
	}
	object = object.DeepCopy()
	object.Spec.Containers[0].Image, object.Spec.InitContainers = "agent:2", nil
	object.Spec.UpdateStrategy.Paused = true
	second := compile(t, object)
	if second.SameVersion(data) {
		t.Error("two versions are taken for one")
	}
	back, err := second.At("s-1", data)
	if err != nil {
		t.Fatal(err)
	}
	if !back.SameVersion(data) || back.Hashes != first.Hashes || back.Revision != "s-1" || !back.Spec.UpdateStrategy.Paused {
		t.Errorf("gone back to %+v of %s, paused %t", back.Hashes, back.Revision, back.Spec.UpdateStrategy.Paused)
	}
}

func TestDifference(t *testing.T) {
	amounts := func(cpu, memory string) corev1.ResourceRequirements {
		return corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
		}}
	}
	base := func() *build.SidecarSetBuilder {
		return build.MakeSidecarSet("s").Container("agent", "agent:latest").NativeSidecar("mesh", "mesh:1").InitContainer("setup", "setup:1").
			Spec(func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = amounts("100m", "1Gi") })
	}
	for name, test := range map[string]struct {
		change func(*v1beta1.SidecarSetSpec)
		want   sidecar.Difference
	}{
		"images, also where the default pull policy follows": {
			func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].Image, s.InitContainers[0].Image = "agent:2", "mesh:2"
			}, sidecar.Difference{}},
		"a default that is written down": {
			func(s *v1beta1.SidecarSetSpec) { s.Containers[0].TerminationMessagePath = "/dev/termination-log" }, sidecar.Difference{}},
		"a plain init container has run": {
			func(s *v1beta1.SidecarSetSpec) { s.InitContainers[1].Args = []string{"x"} }, sidecar.Difference{}},
		"the same amounts in other words": {
			func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = amounts("0.1", "1024Mi") }, sidecar.Difference{}},
		"cpu and memory are resized": {
			func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = amounts("200m", "2Gi") }, sidecar.Difference{Resized: []string{"agent"}}},
		"a resource that was not there before is not": {
			func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
			}, sidecar.Difference{Fixed: []string{"spec.containers[agent].resources"}}},
		"arguments and environment are named": {
			func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].Args, s.Containers[0].Env = []string{"-v"}, []corev1.EnvVar{{Name: "A"}}
			}, sidecar.Difference{Fixed: []string{"spec.containers[agent].args", "spec.containers[agent].env"}}},
		"containers that come and go": {
			func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Name = "agent2" },
			sidecar.Difference{Fixed: []string{"spec.containers[agent2]", "spec.containers[agent]"}}},
		"a native sidecar's arguments": {
			func(s *v1beta1.SidecarSetSpec) { s.InitContainers[0].Args = []string{"x"} },
			sidecar.Difference{Fixed: []string{"spec.initContainers[mesh].args"}}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := compile(t, base().Obj()).VersionData()
			if err != nil {
				t.Fatal(err)
			}
			got, err := compile(t, base().Spec(test.change).Obj()).DifferenceFrom(data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("difference (-want +got):\n%s", diff)
			}
		})
	}
}
