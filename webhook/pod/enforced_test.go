// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/webhook/pod/validity"
)

const noPodWithout = ". Namespace shop takes no Pod without its sidecars (its label apps.kruise.io/injection is enforced)"

// mandatory is a set that its tenants want to be rid of.
func mandatory() *build.SidecarSetBuilder {
	b := build.MakeSidecarSet("guard").Container("guard", "guard:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 9100}}
		s.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: new(int64)}
		s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "rules", MountPath: "/rules"}}
		s.Volumes = []corev1.Volume{{Name: "rules", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "guard-rules"}}}}}
	})
	b.Obj().Status.LatestRevision = "guard-1"
	return b
}

func enforcedHandler(t *testing.T, sets ...*build.SidecarSetBuilder) *Handler {
	h := handler(t, sets...)
	h.Enforced, h.Validity = true, validity.NewValidator()
	return h
}

// Whatever the author of a Pod does, it has its sidecar as the set says, or it is refused with the set's name.
func TestNoPodGetsPastItsSidecarWhereInjectionIsEnforced(t *testing.T) {
	mark := corev1.EnvVar{Name: v1beta1.SidecarInjectedEnv, Value: "true"}
	fake := corev1.Container{Name: "guard", Image: "mine:1", Env: []corev1.EnvVar{mark}}
	honest := handlersAnswer(t, build.MakePod("p").Label("app", "web").New().Obj())
	for name, test := range map[string]struct {
		change func(*corev1.Pod)
		// want is why the Pod is refused; "" when it gets its sidecar.
		want string
	}{
		"an honest Pod":                {func(*corev1.Pod) {}, ""},
		"a phase in its status":        {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, ""},
		"a deletion in its metadata":   {func(p *corev1.Pod) { p.DeletionTimestamp = &p.CreationTimestamp }, ""},
		"the label of our own Pods":    {func(p *corev1.Pod) { p.Labels["app.kubernetes.io/name"] = "windlass" }, ""},
		"a fake with a mark":           {func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, fake) }, ""},
		"a fake with records":          {func(p *corev1.Pod) { *p = *withImage(honest, "mine:1"); p.Spec.Containers[0].Env = nil }, ""},
		"a fake with records and mark": {func(p *corev1.Pod) { *p = *withImage(honest, "mine:1") }, ""},
		"records alone":                {func(p *corev1.Pod) { p.Annotations = honest.Annotations }, ""},
		"garbled records":              {func(p *corev1.Pod) { p.Annotations = map[string]string{v1beta1.SidecarSetHashAnnotation: "{"} }, ""},
		"a node":                       {func(p *corev1.Pod) { p.Spec.NodeName = "node-1" }, ""},
		"a claim that it was left out": {func(p *corev1.Pod) {
			p.Annotations = map[string]string{v1beta1.SidecarSetOmittedAnnotation: `{"guard":{"reason":"Canary","message":"x"}}`}
		}, ""},
		"the consent to replace a container": {func(p *corev1.Pod) {
			p.Spec.Containers[0].Name, p.Annotations = "guard", map[string]string{v1beta1.ReplacedBySidecarAnnotation: "guard"}
		}, ""},
		"a container of its name": {func(p *corev1.Pod) { p.Spec.Containers[0].Name = "guard" },
			`SidecarSet guard is not injected: its container "guard" has the name of a container of this Pod; rename one of the two`},
		"an init container of its name": {func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{fake} },
			`SidecarSet guard is not injected: its container "guard" has the name of an init container of this Pod; rename one of the two`},
		"an opt-out by label": {func(p *corev1.Pod) { p.Labels[v1beta1.SidecarInjectionKey] = "false" },
			`SidecarSet guard is not injected: the Pod opts out: its label or annotation apps.kruise.io/sidecar-injection is "false", which counts here only if the chart's webhook.enforced.allowOptOut is true; remove it`},
		"an opt-out with records": {func(p *corev1.Pod) {
			p.Annotations = map[string]string{v1beta1.SidecarSetInjectedListAnnotation: "guard", v1beta1.SidecarInjectionKey: "false"}
			p.Spec.Containers = append(p.Spec.Containers, fake)
		}, `SidecarSet guard is not injected: the Pod opts out: its label or annotation apps.kruise.io/sidecar-injection is "false", which counts here only if the chart's webhook.enforced.allowOptOut is true; remove it`},
		"the port of the sidecar on the node": {func(p *corev1.Pod) {
			p.Spec.HostNetwork, p.Spec.Containers[0].Ports = true, []corev1.ContainerPort{{ContainerPort: 9100}}
		}, `SidecarSet guard is not injected: the API server would refuse the Pod with its sidecars: spec.containers[app].ports[0].hostPort: Duplicate value: "TCP//9100"; change the set or the Pod`},
		"another operating system": {func(p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} },
			`SidecarSet guard is not injected: the API server would refuse the Pod with its sidecars: spec.containers[guard].securityContext.runAsUser: Forbidden: cannot be set for a windows pod; change the set or the Pod`},
		"annotations that leave no room": {func(p *corev1.Pod) { p.Annotations = map[string]string{"a": strings.Repeat("x", 256<<10-20)} },
			`SidecarSet guard is not injected: the API server would refuse the Pod with its sidecars: metadata.annotations: Too long: all of them together may not be more than 262144 bytes; change the set or the Pod`},
		"a volume that configures the sidecar": {func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "rules", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		}, `SidecarSet guard is not injected: its container "guard" gets an emptyDir at /rules in place of ConfigMap guard-rules: the Pod has a volume "rules" too; rename one of the two`},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("p").Label("app", "web").New().Obj()
			test.change(pod)
			request := review(t, pod)
			response := enforcedHandler(t, mandatory()).Handle(t.Context(), request)
			if test.want != "" {
				if diff := cmp.Diff(test.want+noPodWithout, response.Result.Message); response.Allowed || response.Result.Code != http.StatusForbidden || diff != "" {
					t.Errorf("allowed %t, code %d (-want +got):\n%s", response.Allowed, response.Result.Code, diff)
				}
				return
			}
			if !response.Allowed {
				t.Fatalf("denied: %s", response.Result.Message)
			}
			got := patched(t, request, response)
			if diff := cmp.Diff(containerOf(honest, "guard"), containerOf(got, "guard")); diff != "" {
				t.Errorf("the sidecar (-honest +got):\n%s", diff)
			}
			for _, key := range []string{v1beta1.SidecarSetInjectedListAnnotation, v1beta1.SidecarSetHashAnnotation, v1beta1.SidecarSetOmittedAnnotation} {
				if diff := cmp.Diff(honest.Annotations[key], got.Annotations[key]); diff != "" {
					t.Errorf("annotation %s (-honest +got):\n%s", key, diff)
				}
			}
		})
	}
}

// handlersAnswer is the Pod as the webhook makes it.
func handlersAnswer(t *testing.T, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	request := review(t, pod)
	return patched(t, request, enforcedHandler(t, mandatory()).Handle(t.Context(), request))
}

// withImage is an injected Pod with another image in its sidecar.
func withImage(injected *corev1.Pod, image string) *corev1.Pod {
	out := injected.DeepCopy()
	containerOf(out, "guard").Image = image
	return out
}

func containerOf(pod *corev1.Pod, name string) *corev1.Container {
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Name == name {
			return &pod.Spec.Containers[i]
		}
	}
	return nil
}

func TestWhoMayGoWithoutASidecarWhereInjectionIsEnforced(t *testing.T) {
	optedOut := build.MakePod("p").Label("app", "web").Label(v1beta1.SidecarInjectionKey, "false").New().Obj()
	web := build.MakePod("p").Label("app", "web").New().Obj()
	base := build.MakeSidecarSet("base").Container("base", "base:1")
	canary := annotated(build.MakeSidecarSet("next").Container("guard", "guard:2"),
		map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: "guard"})
	for name, test := range map[string]struct {
		pod   *corev1.Pod
		sets  []*build.SidecarSetBuilder
		allow bool
		want  string
	}{
		"a Pod that opts out where that is allowed": {optedOut, []*build.SidecarSetBuilder{mandatory()}, true, ""},
		"a Pod of a set whose injection is paused":  {web, []*build.SidecarSetBuilder{mandatory().Spec(func(s *v1beta1.SidecarSetSpec) { s.InjectionStrategy.Paused = true }), base}, false, ""},
		"a Pod that gets the canary":                {web, []*build.SidecarSetBuilder{mandatory(), canary}, false, ""},
		"not one whose labels pick another set of the same container": {web, []*build.SidecarSetBuilder{mandatory(), build.MakeSidecarSet("empty").Container("guard", "pause:1")}, false,
			"SidecarSet guard is not injected: SidecarSet empty has a container guard too; rename one of them, or let only one of the sets match" + noPodWithout},
	} {
		t.Run(name, func(t *testing.T) {
			h := enforcedHandler(t, test.sets...)
			h.AllowOptOut = test.allow
			response := h.Handle(t.Context(), review(t, test.pod))
			got := ""
			if !response.Allowed {
				got = response.Result.Message
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("denied (-want +got):\n%s", diff)
			}
		})
	}
}

// Records of sets that do not match would be believed when they do.
func TestRecordsOfAPodThatNothingMatchesAreRemovedWhereInjectionIsEnforced(t *testing.T) {
	pod := build.MakePod("p").New().Annotation(v1beta1.SidecarSetInjectedListAnnotation, "guard").Annotation(v1beta1.SidecarSetHashAnnotation, "{").Annotation("a", "b").Obj()
	request := review(t, pod)
	got := patched(t, request, enforcedHandler(t, mandatory()).Handle(t.Context(), request))
	if diff := cmp.Diff(map[string]string{"a": "b"}, got.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

// The same Pods are created where injection is not enforced, without the set that is in the way and with all others.
func TestASetThatMakesAPodInvalidIsLeftOut(t *testing.T) {
	h := handler(t, mandatory(), build.MakeSidecarSet("agent").Container("agent", "agent:1"), build.MakeSidecarSet("logs").Container("logs", "logs:1"))
	h.Validity = validity.NewValidator()
	pod := build.MakePod("p").Label("app", "web").New().Obj()
	pod.Spec.HostNetwork, pod.Spec.Containers[0].Ports = true, []corev1.ContainerPort{{ContainerPort: 9100}}
	request := review(t, pod)
	const why = `the API server would refuse the Pod with its sidecars: spec.containers[app].ports[0].hostPort: Duplicate value: "TCP//9100"; change the set or the Pod`
	for range 2 { // the webhook may be called twice
		response := h.Handle(t.Context(), request)
		got := patched(t, request, response)
		if diff := cmp.Diff([]string{"agent", "logs", "app"}, names(got.Spec.Containers)); diff != "" {
			t.Errorf("containers (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"SidecarSet guard is not injected: " + why}, response.Warnings); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
		want := `{"guard":{"reason":"InvalidPod","message":"` + strings.ReplaceAll(why, `"`, `\"`) + `","revision":"guard-1"}}`
		if diff := cmp.Diff(want, got.Annotations[v1beta1.SidecarSetOmittedAnnotation]); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		request = review(t, got)
	}
}

// Two sets may be fine each, and too much together: the later one is left out.
func TestOfTwoSetsThatDoNotFitTogetherTheFirstByNameIsInjected(t *testing.T) {
	withPort := func(name string) *build.SidecarSetBuilder {
		return build.MakeSidecarSet(name).Container(name, "i:1").Spec(func(s *v1beta1.SidecarSetSpec) {
			s.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}
		})
	}
	h := handler(t, withPort("b"), withPort("a"))
	h.Validity = validity.NewValidator()
	request := review(t, build.MakePod("p").Label("app", "web").New().Obj())
	if diff := cmp.Diff([]string{"a", "app"}, names(patched(t, request, h.Handle(t.Context(), request)).Spec.Containers)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
}

func names(containers []corev1.Container) []string {
	var out []string
	for i := range containers {
		out = append(out, containers[i].Name)
	}
	return out
}
