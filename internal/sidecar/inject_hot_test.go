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

func makeHot(c *v1beta1.SidecarContainer) {
	c.UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1"}
}

// brief is a container without its defaults.
type brief struct {
	Name, Image string
	Env         []string
}

func briefs(containers []corev1.Container) []brief {
	var out []brief
	for _, c := range containers {
		b := brief{Name: c.Name, Image: c.Image}
		for _, e := range c.Env {
			text := e.Name + "=" + e.Value
			if e.ValueFrom != nil {
				text += e.ValueFrom.FieldRef.FieldPath
			}
			b.Env = append(b.Env, text)
		}
		out = append(out, b)
	}
	return out
}

func versionEnv(name string) []string {
	return []string{
		"IS_INJECTED=true",
		"SIDECARSET_VERSION=metadata.annotations['version.sidecarset.kruise.io/" + name + "']",
		"SIDECARSET_VERSION_ALT=metadata.annotations['versionalt.sidecarset.kruise.io/" + name + "']",
	}
}

func TestHotSidecarsAreInjectedInPairs(t *testing.T) {
	set := compile(t, build.MakeSidecarSet("s").Container("mesh", "mesh:1").Container("logs", "logs:1").
		NativeSidecar("net", "net:1").InitContainer("setup", "setup:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		makeHot(&s.Containers[0])
		makeHot(&s.InitContainers[0])
		makeHot(&s.InitContainers[1])
	}).Obj())
	pod := build.MakePod("p").New().Obj()
	inject(t, pod, set)

	type result struct {
		Init, Containers []brief
		Annotations      map[string]string
		View             map[string]bool
	}
	want := result{
		Init: []brief{{"net-1", "net:1", versionEnv("net-1")}, {"net-2", "empty:1", versionEnv("net-2")},
			{"setup", "setup:1", []string{"IS_INJECTED=true"}}}, // a plain init container has to end
		Containers: []brief{{"mesh-1", "mesh:1", versionEnv("mesh-1")}, {"mesh-2", "empty:1", versionEnv("mesh-2")},
			{"logs", "logs:1", []string{"IS_INJECTED=true"}}, {"app", "app:1", nil}},
		Annotations: map[string]string{
			"kruise.io/sidecarset-working-hotupgrade-container": `{"mesh":"mesh-1","net":"net-1"}`,
			"version.sidecarset.kruise.io/mesh-1":               "1", "versionalt.sidecarset.kruise.io/mesh-1": "0",
			"version.sidecarset.kruise.io/mesh-2": "0", "versionalt.sidecarset.kruise.io/mesh-2": "1",
			"version.sidecarset.kruise.io/net-1": "1", "versionalt.sidecarset.kruise.io/net-1": "0",
			"version.sidecarset.kruise.io/net-2": "0", "versionalt.sidecarset.kruise.io/net-2": "1",
			"kruise.io/sidecarset-injected-list": "s",
		},
		View: map[string]bool{"holds": true, "updated": true, "finished": true},
	}
	view := sidecar.NewView(pod, set)
	got := result{briefs(pod.Spec.InitContainers), briefs(pod.Spec.Containers), map[string]string{},
		map[string]bool{"holds": view.Holds(), "updated": view.Updated(), "finished": view.HotFinished()}}
	for key, value := range pod.Annotations {
		if key != v1beta1.SidecarSetHashAnnotation && key != v1beta1.SidecarSetHashWithoutImageAnnotation {
			got.Annotations[key] = value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("injected (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"logs", "mesh", "net"}, set.SidecarNames); diff != "" {
		t.Errorf("the recorded names are logical (-want +got):\n%s", diff)
	}
}

func TestASecondHotSetKeepsTheTurnsOfTheFirst(t *testing.T) {
	hot := func(name string) *sidecar.Set {
		return compile(t, build.MakeSidecarSet(name).Container(name+"c", "i:1").Spec(func(s *v1beta1.SidecarSetSpec) { makeHot(&s.Containers[0]) }).Obj())
	}
	pod := build.MakePod("p").New().Obj()
	inject(t, pod, hot("a"))
	pod.Annotations[v1beta1.SidecarSetWorkingContainersAnnotation] = `{"ac":"ac-2"}`
	inject(t, pod, hot("b"))
	if diff := cmp.Diff(`{"ac":"ac-2","bc":"bc-1"}`, pod.Annotations[v1beta1.SidecarSetWorkingContainersAnnotation]); diff != "" {
		t.Errorf("working containers (-want +got):\n%s", diff)
	}
}
