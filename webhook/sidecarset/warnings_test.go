// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/webhook/admit"
)

func enforcing(name, level string, labels ...string) *corev1.Namespace {
	return namespace(name, append(labels, "pod-security.kubernetes.io/enforce", level)...)
}

// restricted makes the one container fit for the Pod Security level restricted.
var restricted = secured(corev1.SecurityContext{
	AllowPrivilegeEscalation: ptr.To(false), RunAsNonRoot: ptr.To(true),
	Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
})

// matching is a set that some Pods have the sidecars of.
func matching(pods int32) func(old *v1beta1.SidecarSet) {
	return func(old *v1beta1.SidecarSet) { old.Status.MatchedPods = pods }
}

func TestWarnings(t *testing.T) {
	type warning struct {
		given
		want []string
	}
	contradiction := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}, MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "app", Operator: metav1.LabelSelectorOpDoesNotExist}}}
	unreachable := `namespace "shop" enforces Pod Security "baseline", which refuses Pods with these sidecars: privileged (container "agent" must not set securityContext.privileged=true)`
	privileged := secured(corev1.SecurityContext{Privileged: ptr.To(true)})
	const allowed = `{privileged: {action: Allow}, hostPaths: {action: Allow}}`
	for name, test := range map[string]warning{
		"nothing to warn of": {given{}, nil},

		// Fields without effect.
		"a selector that contradicts itself": {
			given{change: func(s *v1beta1.SidecarSetSpec) { s.Selector = contradiction }},
			[]string{"spec.selector: contradicts itself, so that no Pod can ever match"}},
		"a namespaceSelector that contradicts itself": {
			given{change: func(s *v1beta1.SidecarSetSpec) { s.NamespaceSelector = contradiction }},
			[]string{"spec.namespaceSelector: contradicts itself, so that no namespace can ever match"}},
		"a namespaceSelector beside a namespace": {
			given{change: func(s *v1beta1.SidecarSetSpec) { s.Namespace, s.NamespaceSelector = "shop", selecting("team", "a") }},
			[]string{`spec.namespaceSelector: has no effect beside spec.namespace, which is "shop"`}},
		"a mount of a volume that only Pods may have": {
			given{change: agent(func(c *v1beta1.SidecarContainer) {
				c.ShareVolumePolicy.Type = v1beta1.ShareVolumePolicyEnabled
				c.VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
			})},
			[]string{`spec.containers[0].volumeMounts[0]: volume "data" is not in spec.volumes: every Pod must have it, or it is refused`}},
		"a transfer from nowhere": {
			given{change: transferred(v1beta1.TransferEnvVar{EnvName: "A"})},
			[]string{"spec.containers[0].transferEnv[0]: copies nothing: it names no source container (sourceContainerName or sourceContainerNameFrom)"}},
		"a transfer of nothing": {
			given{change: transferred(v1beta1.TransferEnvVar{SourceContainerName: "app"})},
			[]string{"spec.containers[0].transferEnv[0]: copies nothing: it names no variable (envName or envNames)"}},
		"a transfer from a container named like the Pod": {
			given{change: transferFrom("", "metadata.name")},
			[]string{"spec.containers[0].transferEnv[0]: copies nothing into Pods that a controller creates: they have no name yet when sidecars are injected"}},
		"a merge of what is no JSON": {
			given{change: patched(v1beta1.SidecarSetMergePatchJSONPatchPolicy, "a", "{", "b", "{}"), patches: allPatches},
			[]string{"spec.patchPodMetadata[0].annotations[a]: is not JSON, so that patchPolicy MergePatchJson cannot merge it"}},

		// Namespaces whose Pods are never injected.
		"a namespace that no webhook serves": {
			given{excluded: []string{"kube-system"}, change: func(s *v1beta1.SidecarSetSpec) { s.Namespace = "kube-system" }},
			[]string{`spec.namespace: "kube-system" is never served by the Pod webhooks, so no Pod gets the sidecars: ` +
				`it is one of the cluster's or Windlass' own, or listed in the chart's value webhook.excludedNamespaces`}},
		"a namespace where injection is disabled": {
			given{namespaces: []*corev1.Namespace{namespace("shop", "apps.kruise.io/injection", "disabled")}, change: func(s *v1beta1.SidecarSetSpec) { s.Namespace = "shop" }},
			[]string{`spec.namespace: "shop" is never served by the Pod webhooks, so no Pod gets the sidecars: it is labelled apps.kruise.io/injection=disabled`}},
		"the name of such a namespace in the selector": {
			given{excluded: []string{"kube-system"}, change: func(s *v1beta1.SidecarSetSpec) {
				s.NamespaceSelector = selecting("kubernetes.io/metadata.name", "kube-system")
			}},
			[]string{`spec.namespaceSelector: "kube-system" is never served by the Pod webhooks, so no Pod gets the sidecars: ` +
				`it is one of the cluster's or Windlass' own, or listed in the chart's value webhook.excludedNamespaces`}},
		"a namespaceSelector that picks only such namespaces": {
			given{excluded: []string{"kube-system"}, namespaces: []*corev1.Namespace{
				namespace("kube-system", "team", "a"), namespace("shop", "team", "a", "apps.kruise.io/injection", "disabled"), namespace("other"),
			}, change: func(s *v1beta1.SidecarSetSpec) { s.NamespaceSelector = selecting("team", "a") }},
			[]string{"spec.namespaceSelector: selects only namespaces that the Pod webhooks do not serve, so no Pod gets the sidecars: kube-system, shop"}},
		"a namespaceSelector that picks one that is served too": {
			given{excluded: []string{"kube-system"}, namespaces: []*corev1.Namespace{namespace("kube-system", "team", "a"), namespace("shop", "team", "a")},
				change: func(s *v1beta1.SidecarSetSpec) { s.NamespaceSelector = selecting("team", "a") }}, nil},
		"a namespaceSelector that picks none yet": {
			given{excluded: []string{"kube-system"}, namespaces: []*corev1.Namespace{namespace("kube-system")},
				change: func(s *v1beta1.SidecarSetSpec) { s.NamespaceSelector = selecting("team", "a") }}, nil},

		// Changes that do not come to Pods that run.
		"a variable changes": {
			given{before: matching(412), change: agent(func(c *v1beta1.SidecarContainer) { c.Env = []corev1.EnvVar{{Name: "LEVEL", Value: "2"}} })},
			[]string{"spec.containers[agent].env cannot change in a running Pod: 412 running Pods, counted by the last status, keep the earlier sidecars until they are made anew"}},
		"a volume comes": {
			given{before: matching(412), change: volume("scratch", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})},
			[]string{"spec.volumes cannot change in a running Pod: 412 running Pods, counted by the last status, keep the earlier sidecars until they are made anew"}},
		"an image changes":                {given{before: matching(412), change: agent(func(c *v1beta1.SidecarContainer) { c.Image = "agent:2" })}, nil},
		"only the rollout changes":        {given{before: matching(412), change: func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.Paused = true }}, nil},
		"a variable changes in no Pod":    {given{before: matching(0), change: agent(func(c *v1beta1.SidecarContainer) { c.Env = []corev1.EnvVar{{Name: "LEVEL", Value: "2"}} })}, nil},
		"a variable of a set that is new": {given{change: agent(func(c *v1beta1.SidecarContainer) { c.Env = []corev1.EnvVar{{Name: "LEVEL", Value: "2"}} })}, nil},

		// What only OpenKruise does.
		"a variable that ends a Job there": {
			given{change: agent(func(c *v1beta1.SidecarContainer) {
				c.Env = []corev1.EnvVar{{Name: "KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT", Value: "true"}}
			})},
			[]string{"spec.containers[0].env[KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT]: has no effect here: " +
				"a sidecar that must not hold a Job up is a native one, an entry of initContainers with restartPolicy Always"}},

		// Conflicts that are stored already.
		"a conflict that an update does not bring": {
			given{before: unchanged, change: agent(func(c *v1beta1.SidecarContainer) { c.Image = "agent:2" }), stored: []*v1beta1.SidecarSet{named("other")}},
			[]string{`stored with a conflict: spec.containers[0].name: Invalid value: "agent": a container of this name comes from SidecarSet "other" too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`}},

		// The administrator's policy, as it is when nothing was set.
		"a privileged sidecar with files of the node, a port and a capability": {
			given{change: all(privileged, volume("root", corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}), agent(func(c *v1beta1.SidecarContainer) {
				c.Ports = []corev1.ContainerPort{onNode(80)}
				c.SecurityContext.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN"}}
			}))},
			[]string{
				`spec.containers[0].securityContext.privileged: policy sidecarSet.policy.privileged: container "agent" is privileged: no sidecar may be`,
				`spec.volumes[0].hostPath: policy sidecarSet.policy.hostPaths: path "/" of the node is not among what is allowed: none`,
				`spec.containers[0].ports[0].hostPort: policy sidecarSet.policy.hostPorts: container "agent" takes port 80 of the node: no sidecar may`,
				`spec.containers[0].securityContext.capabilities.add[0]: policy sidecarSet.policy.capabilities: capability NET_ADMIN is not among what is allowed: none`,
			}},
		"an annotation that no rule allows": {
			given{change: patched("", "a", "1")},
			[]string{`spec.patchPodMetadata[0].annotations[a]: policy sidecarSet.patchPodMetadata: no rule of ConfigMap kruise-configuration (SidecarSet_PatchPodMetadata_WhiteList) lets this SidecarSet patch annotation "a"`}},
		"an image from elsewhere, where much is allowed": {
			given{policy: `{images: {allowed: [a.io, b.io, c.io, d.io, e.io, f.io, g.io]}}`},
			[]string{`spec.containers[0].image: policy sidecarSet.policy.images: image "agent:1" comes from elsewhere than what is allowed: a.io, b.io, c.io, d.io, e.io and 2 more`}},

		// Pod Security.
		"a namespace whose level the sidecar violates": {
			given{change: privileged, policy: allowed, namespaces: []*corev1.Namespace{enforcing("shop", "baseline")}},
			[]string{unreachable}},
		"namespaces without a level, with level privileged, or out of reach": {
			given{change: all(privileged, func(s *v1beta1.SidecarSetSpec) { s.NamespaceSelector = selecting("team", "a") }), policy: allowed, excluded: []string{"windlass-system"},
				namespaces: []*corev1.Namespace{
					namespace("plain", "team", "a"), enforcing("infra", "privileged", "team", "a"), enforcing("theirs", "baseline", "team", "b"),
					enforcing("off", "baseline", "team", "a", v1beta1.InjectionLabel, v1beta1.InjectionDisabled), enforcing("windlass-system", "restricted", "team", "a"),
				}},
			nil},
		"a sidecar that is fit for restricted": {
			given{change: restricted, namespaces: []*corev1.Namespace{enforcing("shop", "restricted")}},
			nil},
		"a sidecar of which restricted asks more": {
			given{namespaces: []*corev1.Namespace{enforcing("shop", "restricted")}},
			[]string{`namespace "shop" enforces Pod Security "restricted", which refuses Pods with these sidecars: allowPrivilegeEscalation != false (container "agent" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "agent" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "agent" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "agent" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`}},
		"an init container that violates a level": {
			given{set: build.MakeSidecarSet("s").InitContainer("setup", "setup:1").Spec(func(s *v1beta1.SidecarSetSpec) {
				s.InitContainers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
			}).Obj(), policy: allowed, namespaces: []*corev1.Namespace{enforcing("shop", "baseline")}},
			[]string{`namespace "shop" enforces Pod Security "baseline", which refuses Pods with these sidecars: privileged (container "setup" must not set securityContext.privileged=true)`}},
		"a forbidden volume that no sidecar mounts is never injected": {
			given{change: volume("root", corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}), policy: allowed, namespaces: []*corev1.Namespace{enforcing("shop", "baseline")}},
			nil},
		"a forbidden volume that a sidecar mounts": {
			given{change: all(volume("root", corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}), agent(func(c *v1beta1.SidecarContainer) {
				c.VolumeMounts = []corev1.VolumeMount{{Name: "root", MountPath: "/host"}}
			})), policy: allowed, namespaces: []*corev1.Namespace{enforcing("shop", "baseline")}},
			[]string{`namespace "shop" enforces Pod Security "baseline", which refuses Pods with these sidecars: hostPath volumes (volume "root")`}},
		"a level that does not exist counts as restricted": {
			given{change: restricted, namespaces: []*corev1.Namespace{enforcing("shop", "paranoid")}},
			nil},
		"more namespaces than can be named": {
			given{change: privileged, policy: allowed, namespaces: many(7)},
			[]string{
				violated("n0"), violated("n1"), violated("n2"), violated("n3"), violated("n4"),
				"and 2 more namespaces enforce a Pod Security level that refuses Pods with these sidecars",
			}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(admit.Result{Warnings: test.want}, test.validate(t)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

// many are namespaces n0, n1, ..., given in the opposite order.
func many(n int) []*corev1.Namespace {
	var out []*corev1.Namespace
	for i := n - 1; i >= 0; i-- {
		out = append(out, enforcing(fmt.Sprintf("n%d", i), "baseline"))
	}
	return out
}

func violated(name string) string {
	return fmt.Sprintf(`namespace %q enforces Pod Security "baseline", which refuses Pods with these sidecars: privileged (container "agent" must not set securityContext.privileged=true)`, name)
}
