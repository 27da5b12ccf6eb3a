// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	corefuncs "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"pgregory.net/rapid"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

var (
	drawName  = rapid.SampledFrom([]string{"c1", "c2", "c3", "c4", "c5", "c6"})
	drawPath  = rapid.SampledFrom([]string{"/a", "/a/", "/b", "/x"})
	drawEnv   = rapid.SampledFrom([]string{"ONE", "TWO", "IS_INJECTED", "SIDECARSET_VERSION"})
	drawBytes = rapid.SampledFrom([]string{"", "64Mi", "1Gi"})
)

// drawVolume draws one of three claims, which can be mounted or be a device.
var drawVolume = rapid.SampledFrom([]string{"v1", "v2", "v3"})

// drawContainer draws a container that is valid by itself.
func drawContainer(t *rapid.T, name string) corev1.Container {
	c := corev1.Container{Name: name, Image: name + ":1"}
	device := drawVolume.Draw(t, "device")
	if rapid.Bool().Draw(t, "has device") {
		c.VolumeDevices = []corev1.VolumeDevice{{Name: device, DevicePath: rapid.SampledFrom([]string{"/dev/x", "/dev/y", "/x"}).Draw(t, "device path")}}
	}
	for _, path := range rapid.SliceOfNDistinct(drawPath, 0, 2, func(p string) string { return p[:2] }).Draw(t, "mounts") {
		m := corev1.VolumeMount{Name: drawVolume.Draw(t, "volume"), MountPath: path}
		if len(c.VolumeDevices) > 0 && (m.Name == device || path == c.VolumeDevices[0].DevicePath) {
			continue
		}
		if rapid.Bool().Draw(t, "expression") {
			m.SubPathExpr = "$(" + drawEnv.Draw(t, "variable") + ")"
		}
		c.VolumeMounts = append(c.VolumeMounts, m)
	}
	for _, name := range rapid.SliceOfNDistinct(drawEnv, 0, 2, rapid.ID[string]).Draw(t, "env") {
		c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: rapid.SampledFrom([]string{"v", "$(ONE)"}).Draw(t, "value")})
	}
	return c
}

func drawPod(t *rapid.T) *corev1.Pod {
	b := build.MakePod("p").New()
	spec := &b.Obj().Spec
	spec.Containers = nil
	for i, name := range rapid.SliceOfNDistinct(drawName, 1, 4, rapid.ID[string]).Draw(t, "own") {
		c := drawContainer(t, name)
		if amount := drawBytes.Draw(t, "memory"); amount != "" {
			list := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(amount)}
			c.Resources = corev1.ResourceRequirements{Limits: list, Requests: list}
		}
		if i > 0 && rapid.Bool().Draw(t, "init") {
			spec.InitContainers = append(spec.InitContainers, c)
			continue
		}
		spec.Containers = append(spec.Containers, c)
	}
	for _, name := range []string{"v1", "v2", "v3"} {
		claim := &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: claim}})
	}
	if rapid.Bool().Draw(t, "annotated") {
		b.Annotation("patched", rapid.SampledFrom([]string{`{"a":1}`, `x`}).Draw(t, "annotation"))
	}
	if rapid.Bool().Draw(t, "consents") {
		b.Annotation(v1beta1.ReplacedBySidecarAnnotation, drawName.Draw(t, "first")+","+drawName.Draw(t, "second"))
	}
	return b.Obj()
}

func drawSidecar(t *rapid.T, set string) v1beta1.SidecarContainer {
	policy := rapid.SampledFrom([]v1beta1.ShareVolumePolicyType{v1beta1.ShareVolumePolicyEnabled, v1beta1.ShareVolumePolicyDisabled})
	name := drawName.Draw(t, "name")
	if rapid.Bool().Draw(t, "unique") {
		name = set + "-" + name
	}
	c := v1beta1.SidecarContainer{
		Container:               drawContainer(t, name),
		PodInjectPolicy:         rapid.SampledFrom([]v1beta1.PodInjectPolicyType{"", v1beta1.BeforeAppContainerType, v1beta1.AfterAppContainerType}).Draw(t, "place"),
		ShareVolumePolicy:       v1beta1.ShareVolumePolicy{Type: policy.Draw(t, "share volumes")},
		ShareVolumeDevicePolicy: &v1beta1.ShareVolumePolicy{Type: policy.Draw(t, "share devices")},
		TransferEnv:             []v1beta1.TransferEnvVar{{SourceContainerName: drawName.Draw(t, "source"), EnvNames: []string{"TWO", "ONE"}}},
	}
	if rapid.Bool().Draw(t, "hot") {
		makeHot(&c)
	}
	if rapid.Bool().Draw(t, "computed") {
		c.ResourcesPolicy = &v1beta1.ResourcesPolicy{
			TargetContainersMode: v1beta1.TargetContainersModeSum, TargetContainersNameRegex: "c[1-3]",
			ResourcesExpr: v1beta1.ResourcesExpr{
				Limits:   &v1beta1.ResourceExprLimits{Memory: "memory - 64Mi"},
				Requests: &v1beta1.ResourceExprRequests{Memory: "memory*2", CPU: "cpu + 1m"},
			},
		}
	}
	return c
}

func drawSet(t *rapid.T, name string) *sidecar.Set {
	b := build.MakeSidecarSet(name)
	taken := map[string]bool{}
	for range rapid.IntRange(1, 3).Draw(t, "sidecars") {
		c := drawSidecar(t, name)
		if taken[c.Name] {
			continue
		}
		taken[c.Name] = true
		switch rapid.SampledFrom([]string{"container", "init", "native"}).Draw(t, "kind") {
		case "container":
			b.Obj().Spec.Containers = append(b.Obj().Spec.Containers, c)
		case "native":
			always := corev1.ContainerRestartPolicyAlways
			c.RestartPolicy = &always
			fallthrough
		case "init":
			b.Obj().Spec.InitContainers = append(b.Obj().Spec.InitContainers, c)
		}
	}
	b.Obj().Spec.PatchPodMetadata = []v1beta1.SidecarSetPatchPodMetadata{{
		PatchPolicy: rapid.SampledFrom([]v1beta1.SidecarSetPatchPolicyType{retain, overwrite, mergeJSON}).Draw(t, "patch policy"),
		Annotations: map[string]string{"patched": rapid.SampledFrom([]string{`{"b":2}`, `{"a":null}`}).Draw(t, "patch")},
	}}
	if base := rapid.SampledFrom([]string{"", "", "a", "b"}).Draw(t, "base"); base != "" && base != name {
		b.Obj().Annotations = map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: base}
	}
	set, err := sidecar.Compile(b.Obj())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func encode(t *rapid.T, value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func injectDrawn(t *rapid.T, pod *corev1.Pod, sets []*sidecar.Set) *sidecar.Injection {
	injection, err := sidecar.Inject(pod, sets, now)
	if err != nil {
		t.Fatal(err)
	}
	return injection
}

// neighbour does what another webhook, such as that of a service mesh, does after us: it adds to every container, and a
// container of its own at each end.
func neighbour(pod *corev1.Pod) {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			list[i].VolumeMounts = append(list[i].VolumeMounts, corev1.VolumeMount{Name: "token", MountPath: "/neighbour"})
			list[i].Env = append(list[i].Env, corev1.EnvVar{Name: "NEIGHBOUR", Value: "1"})
		}
	}
	own := corev1.Container{Name: "neighbour", Image: "n:1", TerminationMessagePolicy: corev1.TerminationMessageReadFile, ImagePullPolicy: corev1.PullAlways}
	pod.Spec.Containers = slices.Insert(pod.Spec.Containers, 0, own)
	own.Name = "neighbour-init"
	pod.Spec.InitContainers = append(pod.Spec.InitContainers, own)
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "neighbour.example/was", "here")
}

func TestInjectionHoldsForAnyPodAndAnySets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sets []*sidecar.Set
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 4, rapid.ID[string]).Draw(t, "sets") {
			sets = append(sets, drawSet(t, name))
		}
		specs := encode(t, specsOf(sets))
		original := drawPod(t)
		injected := original.DeepCopy()
		injection := injectDrawn(t, injected, sets)
		if diff := cmp.Diff(original, injected); diff != "" {
			t.Fatalf("Inject changed the Pod that it only reads (-before +after):\n%s", diff)
		}
		if again := injectDrawn(t, original, rapid.Permutation(sets).Draw(t, "order")); encode(t, again) != encode(t, injection) {
			t.Fatalf("another order of the sets makes (-first +second):\n%s", cmp.Diff(injection, again))
		}
		injection.Apply(injected)
		checkOwnContainers(t, original, injected)
		checkAccepted(t, injected)
		checkSecondInjection(t, injected, sets)
		if diff := cmp.Diff(specs, encode(t, specsOf(sets))); diff != "" {
			t.Fatalf("the sets have changed (-before +after):\n%s", diff)
		}
	})
}

// Where injection is enforced, the sidecars are what the sets say whatever other webhooks do to them, and a call that
// finds them so adds nothing.
func TestStrictInjectionHoldsForAnyPodAndAnySets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sets []*sidecar.Set
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID[string]).Draw(t, "sets") {
			sets = append(sets, drawSet(t, name))
		}
		original := drawPod(t)
		injected := original.DeepCopy()
		injectStrictly(t, injected, sets)
		lenient := original.DeepCopy()
		injectDrawn(t, lenient, sets).Apply(lenient)
		if diff := cmp.Diff(lenient.Spec, injected.Spec); diff != "" {
			t.Fatalf("a Pod without sidecars gets others where injection is enforced (-not +enforced):\n%s", diff)
		}
		checkAccepted(t, injected)
		for _, step := range []struct {
			name   string
			change func(*corev1.Pod)
		}{{"at once", func(*corev1.Pod) {}}, {"after defaulting", corefuncs.SetObjectDefaults_Pod}} {
			step.change(injected)
			before := encode(t, injected)
			if again := injectStrictly(t, injected, rapid.Permutation(sets).Draw(t, "order")); !again.Empty() || encode(t, injected) != before {
				t.Fatalf("%s, the second injection changes the Pod: %s", step.name, cmp.Diff(before, encode(t, injected)))
			}
		}
		neighbour(injected)
		injectStrictly(t, injected, sets)
		before := encode(t, injected)
		injectStrictly(t, injected, sets)
		if diff := cmp.Diff(before, encode(t, injected)); diff != "" {
			t.Fatalf("after a neighbour, injection comes to no end: %s", diff)
		}
	})
}

func injectStrictly(t *rapid.T, pod *corev1.Pod, sets []*sidecar.Set) *sidecar.Injection {
	injection, err := sidecar.InjectStrictly(pod, sets, now, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := injection.Cleanse(pod, true); err != nil {
		t.Fatal(err)
	}
	injection.Apply(pod)
	for _, key := range injection.Removed {
		delete(pod.Annotations, key)
	}
	return injection
}

func specsOf(sets []*sidecar.Set) []*v1beta1.SidecarSetSpec {
	var out []*v1beta1.SidecarSetSpec
	for _, set := range sets {
		out = append(out, set.Spec)
	}
	return out
}

// checkOwnContainers wants the Pod's own containers unchanged and in their order, apart from those that their owner
// lets a sidecar replace.
func checkOwnContainers(t *rapid.T, original, injected *corev1.Pod) {
	consented := strings.Split(original.Annotations[v1beta1.ReplacedBySidecarAnnotation], ",")
	for _, lists := range [][2][]corev1.Container{
		{original.Spec.Containers, injected.Spec.Containers}, {original.Spec.InitContainers, injected.Spec.InitContainers},
	} {
		own := map[string]bool{}
		for _, c := range lists[0] {
			own[c.Name] = !slices.Contains(consented, c.Name)
		}
		notOwn := func(c corev1.Container) bool { return !own[c.Name] }
		want, got := slices.DeleteFunc(slices.Clone(lists[0]), notOwn), slices.DeleteFunc(slices.Clone(lists[1]), notOwn)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the Pod's own containers (-before +after):\n%s", diff)
		}
	}
}

// checkAccepted asks the API server's own defaulting and validation.
func checkAccepted(t *rapid.T, injected *corev1.Pod) {
	defaulted := injected.DeepCopy()
	defaulted.ResourceVersion, defaulted.Generation = "", 0
	corefuncs.SetObjectDefaults_Pod(defaulted)
	internal := &core.Pod{}
	if err := corefuncs.Convert_v1_Pod_To_core_Pod(defaulted, internal, nil); err != nil {
		t.Fatal(err)
	}
	options := pod.GetValidationOptionsFromPodSpecAndMeta(&internal.Spec, nil, &internal.ObjectMeta, nil)
	if errs := validation.ValidatePodCreate(internal, options); len(errs) > 0 {
		t.Fatalf("the API server would refuse the Pod: %v", errs.ToAggregate())
	}
}

// checkSecondInjection injects again: at once, after defaulting, and after a neighbour.
func checkSecondInjection(t *rapid.T, injected *corev1.Pod, sets []*sidecar.Set) {
	for _, step := range []struct {
		name   string
		change func(*corev1.Pod)
	}{
		{"at once", func(*corev1.Pod) {}},
		{"after the API server's defaulting", corefuncs.SetObjectDefaults_Pod},
		{"after a neighbour", neighbour},
	} {
		step.change(injected)
		before := encode(t, injected)
		again := injectDrawn(t, injected, sets)
		if !again.Empty() {
			t.Fatalf("%s, the second injection is not empty: %s", step.name, encode(t, again))
		}
		again.Apply(injected)
		if after := encode(t, injected); after != before {
			t.Fatalf("%s, the second injection changed the Pod: %s", step.name, cmp.Diff(before, after))
		}
	}
}

func BenchmarkInject(b *testing.B) {
	for _, n := range []int{1, 5} {
		b.Run(fmt.Sprintf("sets=%d", n), func(b *testing.B) {
			var sets []*sidecar.Set
			for i := range n {
				set, err := sidecar.Compile(build.MakeSidecarSet(fmt.Sprint("s", i)).Container(fmt.Sprint("agent", i), "agent:1").Obj())
				if err != nil {
					b.Fatal(err)
				}
				sets = append(sets, set)
			}
			pod := build.MakePod("p").New().Obj()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sidecar.Inject(pod, sets, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
