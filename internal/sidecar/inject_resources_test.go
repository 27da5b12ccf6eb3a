// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// amounts are resources as text: cpu, memory; "" where there is none.
type amounts [2]string

func listOf(a amounts) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if a[i] != "" {
			out[name] = resource.MustParse(a[i])
		}
	}
	return out
}

func amountsOf(list corev1.ResourceList) (out amounts) {
	for i, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if value, ok := list[name]; ok {
			out[i] = value.String()
		}
	}
	return out
}

func sized(name string, limits, requests amounts) corev1.Container {
	return corev1.Container{Name: name, Resources: corev1.ResourceRequirements{Limits: listOf(limits), Requests: listOf(requests)}}
}

func TestComputedResources(t *testing.T) {
	type result struct {
		Limits, Requests amounts
		Warnings         []string
	}
	policy := func(mode v1beta1.TargetContainersModeType, regex string, limits, requests amounts) *v1beta1.ResourcesPolicy {
		out := &v1beta1.ResourcesPolicy{TargetContainersMode: mode, TargetContainersNameRegex: regex}
		if limits != (amounts{}) {
			out.ResourcesExpr.Limits = &v1beta1.ResourceExprLimits{CPU: limits[0], Memory: limits[1]}
		}
		if requests != (amounts{}) {
			out.ResourcesExpr.Requests = &v1beta1.ResourceExprRequests{CPU: requests[0], Memory: requests[1]}
		}
		return out
	}
	const sum, largest = v1beta1.TargetContainersModeSum, v1beta1.TargetContainersModeMax
	double := amounts{"cpu*2", "memory*2"}
	always := corev1.ContainerRestartPolicyAlways
	native := sized("native", amounts{"1", "1Gi"}, amounts{"100m", "1Gi"})
	native.RestartPolicy = &always
	two := []corev1.Container{sized("one", amounts{"1", "1Gi"}, amounts{"100m", "64Mi"}), sized("two", amounts{"2", "512Mi"}, amounts{"50m", "128Mi"})}

	for name, test := range map[string]struct {
		init, own []corev1.Container
		policy    *v1beta1.ResourcesPolicy
		want      result
	}{
		"sum adds what the containers have": {
			nil, two, policy(sum, ".*", double, double), result{Limits: amounts{"6", "3Gi"}, Requests: amounts{"300m", "384Mi"}}},
		"max takes the largest of each": {
			nil, two, policy(largest, ".*", double, double), result{Limits: amounts{"4", "2Gi"}, Requests: amounts{"200m", "256Mi"}}},
		"the expression is matched anywhere in a name": {
			nil, two, policy(sum, "w", double, double), result{Limits: amounts{"4", "1Gi"}, Requests: amounts{"100m", "256Mi"}}},
		"anchors are respected": {
			nil, two, policy(sum, "^one$", double, double), result{Limits: amounts{"2", "2Gi"}, Requests: amounts{"200m", "128Mi"}}},
		"no expression for names means all": {
			nil, two, policy(sum, "", double, amounts{}), result{Limits: amounts{"6", "3Gi"}}},
		"native sidecars of the Pod count, its init containers do not": {
			[]corev1.Container{native, sized("setup", amounts{"9", "9Gi"}, amounts{"9", "9Gi"})}, two[:1],
			policy(sum, ".*", double, double), result{Limits: amounts{"4", "4Gi"}, Requests: amounts{"400m", "2176Mi"}}},
		"containers of sidecar sets do not count": {
			nil, append(two[:1:1], sized("agent", amounts{"9", "9Gi"}, amounts{"9", "9Gi"}), sized("peer", amounts{"9", "9Gi"}, amounts{"9", "9Gi"})),
			policy(sum, ".*", double, double), result{Limits: amounts{"2", "2Gi"}, Requests: amounts{"200m", "128Mi"}}},
		"a target without a limit makes the limit unlimited": {
			nil, []corev1.Container{two[0], sized("two", amounts{"", "1Gi"}, amounts{})},
			policy(sum, ".*", double, amounts{}), result{Limits: amounts{"", "4Gi"}}},
		"then even a constant limit is left out": {
			nil, []corev1.Container{sized("one", amounts{}, amounts{})}, policy(sum, ".*", amounts{"1", "1Gi"}, amounts{"1", "1Gi"}),
			result{Requests: amounts{"1", "1Gi"}}},
		"a target without a request counts as 0": {
			nil, []corev1.Container{two[0], sized("two", amounts{}, amounts{})}, policy(sum, ".*", amounts{}, double), result{Requests: amounts{"200m", "128Mi"}}},
		"no requests at all make an explicit 0": {
			nil, []corev1.Container{sized("one", amounts{}, amounts{})}, policy(largest, ".*", amounts{}, double), result{Requests: amounts{"0", "0"}}},
		"only what has an expression is computed": {
			nil, two, policy(sum, ".*", amounts{"cpu", ""}, amounts{"", "memory"}), result{Limits: amounts{"3", ""}, Requests: amounts{"", "192Mi"}}},
		"an expression with functions": {
			nil, two, policy(sum, ".*", amounts{"max(cpu*50%, 50m)", "min(memory, 200Mi)"}, amounts{}), result{Limits: amounts{"1500m", "200Mi"}}},
		"no target leaves the sidecar without, and warns": {
			nil, two, policy(sum, "^main$", double, double), result{Warnings: []string{
				`SidecarSet s, container agent: it gets no computed resources: resourcesPolicy.targetContainersNameRegex is "^main$", which matches no container of the Pod`}}},
		"what turns out negative is left out, and warns": {
			nil, two, policy(sum, ".*", amounts{"cpu-4", "memory"}, amounts{}), result{Limits: amounts{"", "1536Mi"}, Warnings: []string{
				`SidecarSet s, container agent: resourcesPolicy.resourcesExpr.limits.cpu is left out: expression "cpu-4" with cpu=3 is -1; a resource cannot be negative`}}},
		"an expression for the other resource is left out, and warns": {
			nil, two, policy(sum, ".*", amounts{}, amounts{"memory", ""}), result{Warnings: []string{
				`SidecarSet s, container agent: resourcesPolicy.resourcesExpr.requests.cpu is left out: expression "memory" names memory, but computes cpu; only cpu is known in it`}}},
		"a request above its limit is lowered to it, and warns": {
			nil, two, policy(sum, ".*", amounts{"100m", ""}, amounts{"cpu", ""}), result{Limits: amounts{"100m", ""}, Requests: amounts{"100m", ""}, Warnings: []string{
				`SidecarSet s, container agent: resourcesPolicy computes a request of 150m cpu, more than the limit of 100m; the limit is requested`}}},
		"a broken regular expression leaves the sidecar without, and warns": {
			nil, two, policy(sum, "(", double, double), result{Warnings: []string{
				"SidecarSet s, container agent: it gets no computed resources: resourcesPolicy.targetContainersNameRegex is \"(\": error parsing regexp: missing closing ): `(`"}}},
		"a broken limit leaves the sidecar without, and warns": {
			nil, two, policy(sum, ".*", amounts{"cpu*", ""}, double), result{Warnings: []string{
				`SidecarSet s, container agent: it gets no computed resources: resourcesPolicy.resourcesExpr.limits.cpu: expression "cpu*", character 5: it ends here, where a number, a quantity, cpu, memory, max, min, "-" or "(" is missing`}}},
		"a broken request leaves the sidecar without, and warns": {
			nil, two, policy(sum, ".*", double, amounts{"", "1Ei"}), result{Warnings: []string{
				`SidecarSet s, container agent: it gets no computed resources: resourcesPolicy.resourcesExpr.requests.memory: expression "1Ei", character 1: 1Ei has an unknown suffix; allowed are m, k, M, G, T, P, Ki, Mi, Gi, Ti and Pi`}}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("p").New().Annotation(v1beta1.ReplacedBySidecarAnnotation, "agent,peer").Obj()
			pod.Spec.InitContainers, pod.Spec.Containers = test.init, test.own
			set := compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].ResourcesPolicy = test.policy
			}).Obj())
			// Twice, because the second time finds the policy compiled.
			for range 2 {
				copied := pod.DeepCopy()
				injection := inject(t, copied, set, compile(t, build.MakeSidecarSet("t").Container("peer", "peer:1").Obj()))
				got := result{Warnings: injection.Warnings}
				for _, c := range copied.Spec.Containers {
					if c.Name == "agent" {
						got.Limits, got.Requests = amountsOf(c.Resources.Limits), amountsOf(c.Resources.Requests)
					}
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("the sidecar gets (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestBothContainersOfAHotPairGetTheComputedResources(t *testing.T) {
	pod := build.MakePod("p").New().Obj()
	pod.Spec.Containers = []corev1.Container{sized("app", amounts{"1", ""}, amounts{"1", ""})}
	inject(t, pod, compile(t, build.MakeSidecarSet("s").Container("mesh", "mesh:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		makeHot(&s.Containers[0])
		s.Containers[0].ResourcesPolicy = &v1beta1.ResourcesPolicy{
			TargetContainersMode: v1beta1.TargetContainersModeSum, TargetContainersNameRegex: ".*",
			ResourcesExpr: v1beta1.ResourcesExpr{Limits: &v1beta1.ResourceExprLimits{CPU: "cpu/2"}},
		}
	}).Obj()))
	got := map[string]amounts{}
	for _, c := range pod.Spec.Containers {
		got[c.Name] = amountsOf(c.Resources.Limits)
	}
	if diff := cmp.Diff(map[string]amounts{"mesh-1": {"500m", ""}, "mesh-2": {"500m", ""}, "app": {"1", ""}}, got); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}
