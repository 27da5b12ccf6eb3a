// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// guard is a set with a container, a hot pair, a native sidecar and a volume.
func guard(t *testing.T) *sidecar.Set {
	t.Helper()
	b := build.MakeSidecarSet("guard").Container("guard", "guard:1").NativeSidecar("mesh", "mesh:1").InitContainer("setup", "setup:1").
		Container("hot", "hot:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		makeHot(&s.Containers[1])
		s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "rules", MountPath: "/rules"}}
		s.Volumes = []corev1.Volume{{Name: "rules", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "guard-rules"}}}}}
		s.PatchPodMetadata = []v1beta1.SidecarSetPatchPodMetadata{{PatchPolicy: v1beta1.SidecarSetOverwritePatchPolicy, Annotations: map[string]string{"guarded": "yes"}}}
	})
	b.Obj().Status.LatestRevision = "guard-1"
	return compile(t, b.Obj())
}

// strictly injects as where injection is enforced.
func strictly(t *testing.T, pod *corev1.Pod, sets ...*sidecar.Set) *sidecar.Injection {
	t.Helper()
	injection, err := sidecar.InjectStrictly(pod, sets, now, sidecar.Mirrors{"mirror.example/cache"})
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

// Whatever its author has made of an injected Pod, it becomes what the webhook makes of the Pod without sidecars.
func TestAForgedPodIsInjectedAnew(t *testing.T) {
	edit := func(name string, change func(*corev1.Container)) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			for _, list := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
				for i := range list {
					if list[i].Name == name {
						change(&list[i])
					}
				}
			}
		}
	}
	annotate := func(key, value string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Annotations[key] = value }
	}
	for name, forge := range map[string]func(*corev1.Pod){
		"another image":             edit("guard", func(c *corev1.Container) { c.Image = "mine:1" }),
		"another image and no mark": edit("guard", func(c *corev1.Container) { c.Image, c.Env = "mine:1", nil }),
		"a command":                 edit("guard", func(c *corev1.Container) { c.Command = []string{"sleep"} }),
		"arguments":                 edit("guard", func(c *corev1.Container) { c.Args = []string{"--off"} }),
		"a variable":                edit("guard", func(c *corev1.Container) { c.Env = append(c.Env, corev1.EnvVar{Name: "GUARD", Value: "off"}) }),
		"a mount over its program": edit("guard", func(c *corev1.Container) {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "mine", MountPath: "/bin"})
		}),
		"a probe that kills it": edit("guard", func(c *corev1.Container) {
			c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"false"}}}}
		}),
		"the image of an init container":       edit("setup", func(c *corev1.Container) { c.Image = "mine:1" }),
		"the image of a native sidecar":        edit("mesh", func(c *corev1.Container) { c.Image = "mine:1" }),
		"a native sidecar that ends":           edit("mesh", func(c *corev1.Container) { c.RestartPolicy = nil }),
		"the empty image where the first runs": edit("hot-1", func(c *corev1.Container) { c.Image = "empty:1" }),
		"the second of a pair at work":         annotate(v1beta1.SidecarSetWorkingContainersAnnotation, `{"hot":"hot-2"}`),
		"the version of the second":            annotate(v1beta1.SidecarSetVersionAnnotationPrefix+"hot-2", "9"),
		"an update in place":                   annotate(v1beta1.SidecarSetInPlaceUpdateStateAnnotation, `{"guard":{"revision":"x"}}`),
		"records of other sets": func(p *corev1.Pod) {
			p.Annotations[v1beta1.SidecarSetInjectedListAnnotation] = "another,guard"
			p.Annotations[v1beta1.SidecarSetHashAnnotation] = strings.Replace(p.Annotations[v1beta1.SidecarSetHashAnnotation], "{", `{"another":{"hash":"x"},`, 1)
		},
		"no records":              func(p *corev1.Pod) { p.Annotations = map[string]string{"guarded": "yes"} },
		"garbled records":         annotate(v1beta1.SidecarSetHashAnnotation, "{"),
		"a hash of another":       annotate(v1beta1.SidecarSetHashAnnotation, `{"guard":{"hash":"x","sidecarList":["guard","hot","mesh"]}}`),
		"a patched annotation":    annotate("guarded", "no"),
		"a container less":        func(p *corev1.Pod) { p.Spec.Containers = p.Spec.Containers[1:] },
		"the claims of a refusal": annotate(v1beta1.SidecarSetWorkingContainersAnnotation, `[`),
	} {
		t.Run(name, func(t *testing.T) {
			set := guard(t)
			want := build.MakePod("p").New().Obj()
			strictly(t, want, set)
			got := want.DeepCopy()
			forge(got)
			injection := strictly(t, got, set)
			if diff := cmp.Diff([]string{"guard"}, injection.Sets); diff != "" && len(injection.Removed) == 0 && len(injection.Annotations) == 0 {
				t.Errorf("injected (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the Pod (-honest +forged):\n%s", diff)
			}
		})
	}
}

func TestWhatTheAPIServerAddsToSidecarsStays(t *testing.T) {
	set := guard(t)
	pod := build.MakePod("p").New().Obj()
	strictly(t, pod, set)
	coredefaults.SetObjectDefaults_Pod(pod)
	const token = "kube-api-access-x7k2p"
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: token, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}}})
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			list[i].VolumeMounts = append(list[i].VolumeMounts, corev1.VolumeMount{Name: token, MountPath: tokenPath, ReadOnly: true})
			list[i].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}
			list[i].ImagePullPolicy = corev1.PullAlways
		}
	}
	before := pod.DeepCopy()
	if again := strictly(t, pod, set); !again.Empty() {
		t.Errorf("the second injection is not empty: %+v", again)
	}
	if diff := cmp.Diff(before, pod); diff != "" {
		t.Errorf("the second injection changes the Pod (-before +after):\n%s", diff)
	}

	// They stay also in a sidecar that is put back.
	pod.Spec.Containers[0].Image = "mine:1"
	strictly(t, pod, set)
	if diff := cmp.Diff(before.Spec, pod.Spec); diff != "" {
		t.Errorf("the Pod (-honest +forged):\n%s", diff)
	}
}

func TestAVolumeOfThePodThatConfiguresASidecar(t *testing.T) {
	secret := corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "app"}}
	const configured = `its container "agent" gets Secret app at /etc/agent in place of ConfigMap agent-config: the Pod has a volume "config" too; rename one of the two`
	config := corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "agent-config"}}}
	type said struct {
		Warnings  []string
		Obstacles []sidecar.Obstacle
	}
	for name, test := range map[string]struct {
		set, pod corev1.VolumeSource
		strict   bool
		want     said
	}{
		"another source is warned of": {set: config, pod: secret, want: said{Warnings: []string{"SidecarSet s: " + configured}}},
		"and not taken where injection is enforced": {set: config, pod: secret, strict: true, want: said{
			[]string{"SidecarSet s: " + configured}, []sidecar.Obstacle{{Set: "s", Reason: v1beta1.ReasonVolumeTaken, Message: configured}}}},
		"the same source is nothing to speak of": {set: config, pod: config},
		"an image that the API server's admission has always pulled is the same": {strict: true,
			set: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "model:1", PullPolicy: corev1.PullIfNotPresent}},
			pod: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "model:1", PullPolicy: corev1.PullAlways}}},
		"another image is another source": {set: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "model:1"}},
			pod:  corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "mine:1", PullPolicy: corev1.PullAlways}},
			want: said{Warnings: []string{`SidecarSet s: its container "agent" gets a Image volume at /etc/agent in place of a Image volume: the Pod has a volume "config" too; rename one of the two`}}},
		"a place to write to is only warned of": {strict: true,
			set: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, pod: corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "nas", Path: "/"}},
			want: said{Warnings: []string{`SidecarSet s: its container "agent" gets a NFS volume at /etc/agent in place of an emptyDir: the Pod has a volume "config" too; rename one of the two`}}},
	} {
		t.Run(name, func(t *testing.T) {
			set := compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "config", MountPath: "/etc/agent"}}
				s.Volumes = []corev1.Volume{{Name: "config", VolumeSource: test.set}}
			}).Obj())
			pod := build.MakePod("p").New().Obj()
			pod.Spec.Volumes = []corev1.Volume{{Name: "config", VolumeSource: test.pod}}
			injection, err := sidecar.Inject(pod, []*sidecar.Set{set}, now)
			if test.strict {
				injection, err = sidecar.InjectStrictly(pod, []*sidecar.Set{set}, now, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, said{injection.Warnings, injection.Obstacles}, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			if injection.Apply(pod); len(pod.Spec.Volumes) != 1 {
				t.Errorf("volumes %v, want the Pod's own alone", pod.Spec.Volumes)
			}
		})
	}
}

func TestRecordsOfSetsThatAreLeftOutAreRemoved(t *testing.T) {
	list := func(names string) map[string]string {
		return map[string]string{v1beta1.SidecarSetInjectedListAnnotation: names}
	}
	for name, test := range map[string]struct {
		annotations, want map[string]string
		strict            bool
	}{
		"of the one that is left out":                   {annotations: list("mesh,other"), want: list("other")},
		"and the annotation when nothing remains":       {annotations: list("mesh"), want: map[string]string{}},
		"of all others too where injection is enforced": {annotations: list("mesh,other"), want: map[string]string{}, strict: true},
		"other annotations stay":                        {annotations: map[string]string{"a": "b"}, want: map[string]string{"a": "b"}, strict: true},
	} {
		t.Run(name, func(t *testing.T) {
			set := compile(t, build.MakeSidecarSet("mesh").Container("app", "mesh:1").Obj())
			pod := build.MakePod("p").New().Obj()
			pod.Annotations = test.annotations
			injection, err := sidecar.Inject(pod, []*sidecar.Set{set}, now)
			if err != nil {
				t.Fatal(err)
			}
			if err := injection.Cleanse(pod, test.strict); err != nil {
				t.Fatal(err)
			}
			injection.Apply(pod)
			for _, key := range injection.Removed {
				delete(pod.Annotations, key)
			}
			if diff := cmp.Diff(test.want, pod.Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
}

// A Pod in an ordinary namespace may have been injected by OpenKruise, or have had its image renamed by another
// webhook; but its sidecars must be sidecars.
func TestAContainerIsNoSidecarBecauseARecordSaysSo(t *testing.T) {
	set := compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Obj())
	pod := build.MakePod("p").New().Obj()
	inject(t, pod, set)
	pod.Spec.Containers[0].Image, pod.Spec.Containers[0].Env = "mine:1", nil
	if injection := inject(t, pod, set); injection.Empty() || pod.Spec.Containers[0].Image != "agent:1" {
		data, _ := json.Marshal(pod.Spec.Containers)
		t.Errorf("the Pod keeps what only its records call a sidecar: %s", data)
	}
}

// Other webhooks may have images pulled from a mirror; only from the ones that are named is a sidecar's image believed.
func TestWhichImageOfASidecarIsBelieved(t *testing.T) {
	for name, test := range map[string]struct {
		image, is string
		kept      bool
	}{
		"its own":                              {"r.example/agent:1", "r.example/agent:1", true},
		"its copy with the registry":           {"r.example/agent:1", "mirror.example/cache/r.example/agent:1", true},
		"its copy without the registry":        {"r.example/agent:1", "mirror.example/cache/agent:1", true},
		"the copy of a short name":             {"agent:1", "mirror.example/cache/docker.io/library/agent:1", true},
		"the copy of a name of two parts":      {"team/agent:1", "mirror.example/cache/docker.io/team/agent:1", true},
		"not one of another version":           {"r.example/agent:1", "mirror.example/cache/r.example/agent:2", false},
		"not one elsewhere in the mirror":      {"r.example/agent:1", "mirror.example/cache/mine/agent:1", false},
		"not one in another mirror":            {"r.example/agent:1", "mirror.example/r.example/agent:1", false},
		"not one whose beginning is alike":     {"r.example/agent:1", "mirror.example/cache2/r.example/agent:1", false},
		"not the mirror's own without a slash": {"r.example/agent:1", "mirror.example/cacher.example/agent:1", false},
	} {
		t.Run(name, func(t *testing.T) {
			set := compile(t, build.MakeSidecarSet("s").Container("agent", test.image).Obj())
			pod := build.MakePod("p").New().Obj()
			strictly(t, pod, set)
			pod.Spec.Containers[0].Image = test.is
			strictly(t, pod, set)
			want := test.image
			if test.kept {
				want = test.is
			}
			if got := pod.Spec.Containers[0].Image; got != want {
				t.Errorf("the sidecar runs %s, want %s", got, want)
			}
		})
	}
}
