// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

var now = metav1.NewTime(build.Epoch)

func inject(t *testing.T, pod *corev1.Pod, sets ...*sidecar.Set) *sidecar.Injection {
	t.Helper()
	injection, err := sidecar.Inject(pod, sets, now)
	if err != nil {
		t.Fatal(err)
	}
	injection.Apply(pod)
	return injection
}

func containerNames(containers []corev1.Container) []string {
	var out []string
	for i := range containers {
		out = append(out, containers[i].Name)
	}
	return out
}

// lists are the names of what a Pod consists of.
type lists struct{ Init, Containers, Volumes, Secrets []string }

func listsOf(pod *corev1.Pod) lists {
	out := lists{Init: containerNames(pod.Spec.InitContainers), Containers: containerNames(pod.Spec.Containers)}
	for _, v := range pod.Spec.Volumes {
		out.Volumes = append(out.Volumes, v.Name)
	}
	for _, s := range pod.Spec.ImagePullSecrets {
		out.Secrets = append(out.Secrets, s.Name)
	}
	return out
}

func TestWhereSidecarsGo(t *testing.T) {
	after := func(s *v1beta1.SidecarSetSpec) { s.Containers[0].PodInjectPolicy = v1beta1.AfterAppContainerType }
	for name, test := range map[string]struct {
		pod  *build.PodBuilder
		sets []*build.SidecarSetBuilder
		want lists
	}{
		"containers go before the Pod's own, in the order of the set": {
			build.MakePod("p"), []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("z", "z:1").Container("a", "a:1")},
			lists{Containers: []string{"z", "a", "app"}},
		},
		"AfterAppContainer goes to the end": {
			build.MakePod("p"), []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("z", "z:1").Spec(after).Container("a", "a:1")},
			lists{Containers: []string{"a", "app", "z"}},
		},
		"several sets go in the order of their names, whatever order they come in": {
			build.MakePod("p"), []*build.SidecarSetBuilder{build.MakeSidecarSet("two").Container("c2", "c:1"), build.MakeSidecarSet("one").Container("c1", "c:1")},
			lists{Containers: []string{"c1", "c2", "app"}},
		},
		"init containers go after the Pod's own, by name over all sets": {
			build.MakePod("p").InitContainer("own", "own:1"),
			[]*build.SidecarSetBuilder{build.MakeSidecarSet("a").InitContainer("z", "z:1"), build.MakeSidecarSet("b").InitContainer("a", "a:1")},
			lists{Init: []string{"own", "a", "z"}, Containers: []string{"app"}},
		},
		"a container of the same name is replaced where it stands, with its owner's consent": {
			build.MakePod("p").InitContainer("setup", "own:1").Annotation(v1beta1.ReplacedBySidecarAnnotation, "setup,app"),
			[]*build.SidecarSetBuilder{build.MakeSidecarSet("s").InitContainer("setup", "setup:1").Container("app", "other:1").Container("agent", "agent:1")},
			lists{Init: []string{"setup"}, Containers: []string{"agent", "app"}},
		},
		"only volumes that a sidecar mounts come along, and pull secrets once": {
			build.MakePod("p"), []*build.SidecarSetBuilder{build.MakeSidecarSet("s").Container("agent", "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) {
				s.Volumes = []corev1.Volume{{Name: "used"}, {Name: "spare"}}
				s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "used", MountPath: "/data"}}
				s.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}, {Name: "pull"}}
			})},
			lists{Containers: []string{"agent", "app"}, Volumes: []string{"used"}, Secrets: []string{"pull"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var sets []*sidecar.Set
			for _, b := range test.sets {
				sets = append(sets, compile(t, b.Obj()))
			}
			pod := test.pod.New().Obj()
			inject(t, pod, sets...)
			if diff := cmp.Diff(test.want, listsOf(pod)); diff != "" {
				t.Errorf("the Pod consists of (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInjectionWritesTheWiresAnnotations(t *testing.T) {
	object := build.MakeSidecarSet("s").Container("b", "b:1").NativeSidecar("a", "a:1").InitContainer("setup", "setup:1").Obj()
	object.Status.LatestRevision = "s-12345"
	set := compile(t, object)
	pod := build.MakePod("p").New().Annotation(v1beta1.SidecarSetInjectedListAnnotation, "other").Obj()
	inject(t, pod, set)

	want := map[string]string{
		v1beta1.SidecarSetHashAnnotation: `{"s":{"updateTimestamp":"2026-01-02T03:04:05Z","hash":"` + set.Hashes.Full +
			`","sidecarSetName":"s","sidecarList":["a","b"],"controllerRevision":"s-12345"}}`,
		v1beta1.SidecarSetHashWithoutImageAnnotation: `{"s":{"updateTimestamp":"2026-01-02T03:04:05Z","hash":"` + set.Hashes.WithoutImage +
			`","sidecarSetName":"s","sidecarList":["a","b"]}}`,
		v1beta1.SidecarSetInjectedListAnnotation: "other,s",
	}
	if diff := cmp.Diff(want, pod.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func TestInjectedContainersAreMarkedAndDefaulted(t *testing.T) {
	set := compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Obj())
	pod := build.MakePod("p").New().Obj()
	app := *pod.Spec.Containers[0].DeepCopy()
	inject(t, pod, set)

	want := []corev1.Container{{
		Name: "agent", Image: "agent:1",
		Env:                    []corev1.EnvVar{{Name: "IS_INJECTED", Value: "true"}},
		TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: "File", ImagePullPolicy: "IfNotPresent",
	}, app}
	if diff := cmp.Diff(want, pod.Spec.Containers); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
}

func TestInjectingTwiceChangesNothing(t *testing.T) {
	sets := []*sidecar.Set{
		compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").NativeSidecar("mesh", "mesh:1").Obj()),
		compile(t, build.MakeSidecarSet("r").Container("logs", "logs:1").Obj()),
	}
	pod := build.MakePod("p").New().Obj()
	inject(t, pod, sets...)
	// The API server and other webhooks may add to what was injected.
	pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "token", MountPath: "/var/run/secrets"})
	before, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	if again := inject(t, pod, sets...); !again.Empty() {
		t.Errorf("the second injection is not empty: %+v", again)
	}
	after, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the Pod changed (-before +after):\n%s", diff)
	}
}

func TestGarbledAnnotationsDoNotStopInjection(t *testing.T) {
	set := compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Obj())
	pod := build.MakePod("p").New().Annotation(v1beta1.SidecarSetHashAnnotation, "{").Obj()
	injection := inject(t, pod, set)
	if len(injection.Warnings) != 1 {
		t.Errorf("warnings %q, want one about the annotation", injection.Warnings)
	}
	if view := sidecar.NewView(pod, set); !view.Holds() || !view.Updated() {
		t.Errorf("the Pod does not hold the set: %v", pod.Annotations)
	}
}
