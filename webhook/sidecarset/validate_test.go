// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/capabilities"
	podsecuritypolicy "k8s.io/pod-security-admission/policy"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/corpus"
	"github.com/windlass-operator/windlass/webhook/admit"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
)

func init() { capabilities.Setup(true, 0) }

// given is a SidecarSet to validate, and the world that it comes into.
type given struct {
	// set is the SidecarSet s for Pods app=web with one container, agent, unless it says otherwise; change alters its
	// spec, and annotate its annotations.
	set      *v1beta1.SidecarSet
	change   func(spec *v1beta1.SidecarSetSpec)
	annotate map[string]string
	// updates: there is the same set already, as before says.
	before func(old *v1beta1.SidecarSet)
	// stored are other sets, policy and patches the administrator's files.
	stored          []*v1beta1.SidecarSet
	policy, patches string
	namespaces      []*corev1.Namespace
	excluded        []string
	revisions       Revisions
}

func (g given) validate(t *testing.T) admit.Result {
	t.Helper()
	input := g.input(t)
	g.keep(t, input.Set)
	return Validate(input)
}

// keep keeps the creation of a set, for who says the same without this package. What only an installation knows, such as
// its revisions, is not in it.
func (g given) keep(t *testing.T, set *v1beta1.SidecarSet) {
	t.Helper()
	if g.before != nil || g.revisions != nil || g.excluded != nil {
		return
	}
	manifest := func(kind string, object any) map[string]any {
		return corpus.Manifest(t, v1beta1.GroupVersion.String(), kind, object)
	}
	kept := corpus.Case{Object: manifest("SidecarSet", set), Policy: g.policy, PatchRules: g.patches}
	for _, stored := range g.stored {
		kept.Stored = append(kept.Stored, manifest("SidecarSet", stored))
	}
	for _, namespace := range g.namespaces {
		kept.Namespaces = append(kept.Namespaces, corpus.Manifest(t, "v1", "Namespace", namespace))
	}
	corpus.Keep(t, corpus.SidecarSets, kept)
}

func (g given) input(t testing.TB) Input {
	t.Helper()
	input := Input{Set: g.set, Stored: NewStored(), Revisions: g.revisions, Namespaces: g.namespaces, Excluded: g.excluded}
	if input.Set == nil {
		input.Set = build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	}
	if g.before != nil {
		input.Old = input.Set.DeepCopy()
		g.before(input.Old)
		g.stored = append(g.stored, input.Old)
	}
	if g.change != nil {
		g.change(&input.Set.Spec)
	}
	input.Set.Annotations = g.annotate
	for _, set := range g.stored {
		if err := input.Stored.Put(set); err != nil {
			t.Fatal(err)
		}
	}
	input.Base = input.Stored.Get(g.annotate[v1beta1.SidecarSetBaseAnnotation])
	var err error
	if input.Policy, err = policy.Parse([]byte(g.policy)); err != nil {
		t.Fatal(err)
	}
	input.Patches, input.PatchesErr = policy.ParsePatchRules([]byte(g.patches))
	if input.PodSecurity, err = podsecuritypolicy.NewEvaluator(podsecuritypolicy.DefaultChecks(), nil); err != nil {
		t.Fatal(err)
	}
	return input
}

func errorsOf(result admit.Result) []string {
	var out []string
	for _, err := range result.Errors {
		out = append(out, err.Error())
	}
	return out
}

// Parts of the worlds in the tables.

func named(name string, change ...func(set *v1beta1.SidecarSet)) *v1beta1.SidecarSet {
	set := build.MakeSidecarSet(name).Container("agent", "agent:1").Obj()
	for _, c := range change {
		c(set)
	}
	return set
}

func canaryOf(base string) map[string]string {
	return map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: base}
}

func annotated(annotations map[string]string) func(*v1beta1.SidecarSet) {
	return func(set *v1beta1.SidecarSet) { set.Annotations = annotations }
}

func spec(change func(*v1beta1.SidecarSetSpec)) func(*v1beta1.SidecarSet) {
	return func(set *v1beta1.SidecarSet) { change(&set.Spec) }
}

func notUpdated(spec *v1beta1.SidecarSetSpec) {
	spec.UpdateStrategy.Type = v1beta1.NotUpdateSidecarSetStrategyType
}

func unchanged(*v1beta1.SidecarSet) {}

// agent changes the one container.
func agent(change func(c *v1beta1.SidecarContainer)) func(*v1beta1.SidecarSetSpec) {
	return func(spec *v1beta1.SidecarSetSpec) { change(&spec.Containers[0]) }
}

func hot(c *v1beta1.SidecarContainer) {
	c.UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
	}
}

func strategy(change func(*v1beta1.SidecarSetUpdateStrategy)) func(*v1beta1.SidecarSetSpec) {
	return func(spec *v1beta1.SidecarSetSpec) { change(&spec.UpdateStrategy) }
}

func computed(change func(*v1beta1.ResourcesPolicy)) func(*v1beta1.SidecarSetSpec) {
	return agent(func(c *v1beta1.SidecarContainer) {
		c.ResourcesPolicy = &v1beta1.ResourcesPolicy{
			TargetContainersMode: v1beta1.TargetContainersModeSum, TargetContainersNameRegex: ".*",
			ResourcesExpr: v1beta1.ResourcesExpr{Limits: &v1beta1.ResourceExprLimits{CPU: "cpu*50%"}},
		}
		change(c.ResourcesPolicy)
	})
}

func transferred(transfer v1beta1.TransferEnvVar) func(*v1beta1.SidecarSetSpec) {
	return agent(func(c *v1beta1.SidecarContainer) { c.TransferEnv = []v1beta1.TransferEnvVar{transfer} })
}

func transferFrom(apiVersion, fieldPath string) func(*v1beta1.SidecarSetSpec) {
	return transferred(v1beta1.TransferEnvVar{EnvName: "A", SourceContainerNameFrom: &v1beta1.SourceContainerNameSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: apiVersion, FieldPath: fieldPath},
	}})
}

func patched(policy v1beta1.SidecarSetPatchPolicyType, annotations ...string) func(*v1beta1.SidecarSetSpec) {
	return func(spec *v1beta1.SidecarSetSpec) {
		patch := v1beta1.SidecarSetPatchPodMetadata{PatchPolicy: policy}
		for i := 0; i < len(annotations); i += 2 {
			if patch.Annotations == nil {
				patch.Annotations = map[string]string{}
			}
			patch.Annotations[annotations[i]] = annotations[i+1]
		}
		spec.PatchPodMetadata = append(spec.PatchPodMetadata, patch)
	}
}

func volume(name string, source corev1.VolumeSource) func(*v1beta1.SidecarSetSpec) {
	return func(spec *v1beta1.SidecarSetSpec) {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
	}
}

func secured(context corev1.SecurityContext) func(*v1beta1.SidecarSetSpec) {
	return agent(func(c *v1beta1.SidecarContainer) { c.SecurityContext = context.DeepCopy() })
}

func selecting(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

func namespace(name string, labels ...string) *corev1.Namespace {
	out := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}}}
	for i := 0; i < len(labels); i += 2 {
		out.Labels[labels[i]] = labels[i+1]
	}
	return out
}

func pinnedTo(revision v1beta1.SidecarSetInjectRevision) func(*v1beta1.SidecarSetSpec) {
	return func(spec *v1beta1.SidecarSetSpec) { spec.InjectionStrategy.Revision = &revision }
}

// allPatches lets every annotation be patched.
const allPatches = `{"rules": [{"allowedAnnotationKeyExprs": [".*"]}]}`

// noRevisions knows none.
type noRevisions struct{}

func (noRevisions) Exists(*v1beta1.SidecarSet, string, string) bool { return false }

func all(changes ...func(*v1beta1.SidecarSetSpec)) func(*v1beta1.SidecarSetSpec) {
	return func(spec *v1beta1.SidecarSetSpec) {
		for _, change := range changes {
			change(spec)
		}
	}
}

// TestWhatIsAccepted holds what the wire refuses although it works, and what looks like a conflict and is none.
func TestWhatIsAccepted(t *testing.T) {
	exists := func(key string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpExists}}}
	}
	for name, g := range map[string]given{
		"a plain set": {},
		"only an init container": {
			set: build.MakeSidecarSet("s").InitContainer("setup", "setup:1").Obj()},
		"a native sidecar that is updated": {
			set: build.MakeSidecarSet("s").NativeSidecar("mesh", "mesh:1").Obj()},
		"selector and partition for Pods that are never updated": {
			change: all(notUpdated, strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.Selector, s.Partition = selecting("canary", "true"), percent("50%")
			}))},
		"selector and partition with policy Partial, as documented": {
			change: all(pinnedTo(v1beta1.SidecarSetInjectRevision{RevisionName: ptr.To("s-1"), Policy: v1beta1.PartialSidecarSetInjectRevisionPolicy}),
				strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
					s.Selector, s.Partition = selecting("canary", "true"), percent("50%")
				}))},
		"a selector beside the partition of the schema's default": {
			change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.Selector, s.Partition = selecting("canary", "true"), count(0)
			})},
		"an empty update selector where nothing is updated": {
			change: all(notUpdated, strategy(func(s *v1beta1.SidecarSetUpdateStrategy) { s.Selector = &metav1.LabelSelector{} }))},
		"an expression that is only sometimes negative": {
			change: computed(func(p *v1beta1.ResourcesPolicy) {
				p.ResourcesExpr.Limits.CPU, p.ResourcesExpr.Limits.Memory = "cpu-2", "memory-100Mi"
			})},
		"a resourcesPolicy without regex, for all containers": {
			change: computed(func(p *v1beta1.ResourcesPolicy) { p.TargetContainersNameRegex = "" })},
		"transferEnv from a label and from an annotation": {
			change: agent(func(c *v1beta1.SidecarContainer) {
				for _, path := range []string{"metadata.labels['app']", "metadata.annotations['example.com/main']"} {
					c.TransferEnv = append(c.TransferEnv, v1beta1.TransferEnvVar{EnvName: "A", SourceContainerNameFrom: &v1beta1.SourceContainerNameSource{
						FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}})
				}
			})},
		"containers added, renamed and removed": {
			set: build.MakeSidecarSet("s").Container("renamed", "agent:1").Container("new", "new:1").Obj(), before: func(old *v1beta1.SidecarSet) {
				old.Spec.Containers = named("s").Spec.Containers
			}},
		"a pinned revision that nobody can check": {
			change: pinnedTo(v1beta1.SidecarSetInjectRevision{RevisionName: ptr.To("s-1")})},
		"the same container name for other Pods": {
			stored: []*v1beta1.SidecarSet{named("other", spec(func(s *v1beta1.SidecarSetSpec) { s.Selector = selecting("app", "db") }))}},
		"the same container name in another namespace": {
			change: func(s *v1beta1.SidecarSetSpec) { s.Namespace = "shop" },
			stored: []*v1beta1.SidecarSet{named("other", spec(func(s *v1beta1.SidecarSetSpec) {
				s.NamespaceSelector = selecting(corev1.LabelMetadataName, "bank")
			}))}},
		"the same container name for Pods without the label that we ask for": {
			change: func(s *v1beta1.SidecarSetSpec) { s.Selector = exists("app") },
			stored: []*v1beta1.SidecarSet{named("other", spec(func(s *v1beta1.SidecarSetSpec) {
				s.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpDoesNotExist}}}
			}))}},
		"an equal volume, one with its default written out": {
			set:    build.MakeSidecarSet("s").Container("mine", "mine:1").Spec(volume("certs", corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "c"}})).Obj(),
			stored: []*v1beta1.SidecarSet{named("other", spec(volume("certs", corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "c", DefaultMode: ptr.To[int32](0o644)}})))}},
		"an annotation that one of the sets retains": {
			set:     build.MakeSidecarSet("s").Container("mine", "mine:1").Spec(patched(v1beta1.SidecarSetOverwritePatchPolicy, "a", "1")).Obj(),
			stored:  []*v1beta1.SidecarSet{named("other", spec(patched("", "a", "2")))},
			patches: allPatches},
		"an annotation that both sets merge into": {
			set:     build.MakeSidecarSet("s").Container("mine", "mine:1").Spec(patched(v1beta1.SidecarSetMergePatchJSONPatchPolicy, "a", `{}`)).Obj(),
			stored:  []*v1beta1.SidecarSet{named("other", spec(patched(v1beta1.SidecarSetMergePatchJSONPatchPolicy, "a", `{}`)))},
			patches: allPatches},
		"a canary with the containers of its base": {
			annotate: canaryOf("base"), change: notUpdated, stored: []*v1beta1.SidecarSet{named("base")}},
		"a base whose canary exists": {
			before: unchanged, stored: []*v1beta1.SidecarSet{named("canary", annotated(canaryOf("s")), spec(notUpdated))}},
		"what the policy allows": {
			change: all(volume("logs", corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/var/log/app/"}}),
				secured(corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"CAP_NET_ADMIN"}}, Privileged: ptr.To(true)})),
			policy: `{images: {action: Deny, allowed: [docker.io/library]}, hostPaths: {action: Deny, allowed: [/var/log/]},
				capabilities: {action: Deny, allowed: [net_admin]}, privileged: {action: Allow}}`},
		"an annotation that a rule for such sets allows": {
			set:    build.MakeSidecarSet("s").Container("agent", "agent:1").Spec(patched("", "example.com/a", "1")).Obj(),
			policy: `{podAnnotations: {action: Deny}}`, patches: `{"rules": [{"allowedAnnotationKeyExprs": ["^other$", "example"]}]}`},
		"a protected namespace that the set leaves out": {
			change: func(s *v1beta1.SidecarSetSpec) {
				s.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: []string{"vault", "future"}}}}
			},
			policy: `{namespaces: {action: Deny, protected: [vault, future]}}`, namespaces: []*corev1.Namespace{namespace("vault")}},
		"a protected namespace whose labels the set does not match": {
			change: func(s *v1beta1.SidecarSetSpec) { s.NamespaceSelector = selecting("team", "a") },
			policy: `{namespaces: {action: Deny, protected: [vault]}}`, namespaces: []*corev1.Namespace{namespace("vault", "team", "b")}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(admit.Result{}, g.validate(t)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}
