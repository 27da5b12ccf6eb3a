// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

// outlook is a preview in short.
type outlook struct {
	Before, After int32
	Nodes         []string
	Conflicts     []string
	Warnings      []string
}

func TestPreview(t *testing.T) {
	noSchedule := corev1.Taint{Key: "gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule}
	nodes := []*corev1.Node{
		node("a1", map[string]string{"zone": "a", corev1.LabelHostname: "a1"}),
		node("a2", map[string]string{"zone": "a", corev1.LabelHostname: "a2"}),
		node("b1", map[string]string{"zone": "b", corev1.LabelHostname: "b1"}),
		node("g1", map[string]string{"zone": "a", corev1.LabelHostname: "g1"}, noSchedule),
	}
	tolerating := func(o *v1alpha1.SchedPatch) {
		o.Spec.NodeSelector, o.Spec.Tolerations = nil, []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
	}
	for name, test := range map[string]struct {
		object   *v1alpha1.SchedPatch
		template *sched.Template
		others   []*v1alpha1.SchedPatch
		nodes    []*corev1.Node
		want     outlook
	}{
		"a node selector leaves fewer nodes": {
			makePatch(preview), template(nil), nil, nodes,
			outlook{Before: 3, After: 2, Nodes: []string{"a1", "a2"}}},
		"a toleration opens nodes": {
			makePatch(preview, tolerating), template(nil), nil, nodes,
			outlook{Before: 3, After: 4, Nodes: []string{"a1", "a2", "b1", "g1"}}},
		"other patches count on both sides": {
			makePatch(preview), template(nil), []*v1alpha1.SchedPatch{makePatch(named("gpu"), tolerating)}, nodes,
			outlook{Before: 4, After: 3, Nodes: []string{"a1", "a2", "g1"}}},
		"a cordoned node is not eligible": {
			makePatch(preview), template(nil), nil, []*corev1.Node{
				{ObjectMeta: nodes[0].ObjectMeta, Spec: corev1.NodeSpec{Unschedulable: true}}, nodes[1]},
			outlook{Before: 1, After: 1, Nodes: []string{"a2"}}},
		"no node is left": {
			makePatch(preview, required("zone", "c")), template(nil), nil, nodes,
			outlook{Before: 3, Warnings: []string{"No node is left: Pods would stay Pending. Without the patch 3 of 4 nodes would " +
				"take them; it demands zone In [c] (nodeAffinity)."}}},
		"the template contradicts by its affinity": {
			makePatch(preview, required("zone", "a")), template(zoneB), nil, nodes,
			outlook{Before: 1, After: 1, Nodes: []string{"b1"},
				Conflicts: []string{"no node can match: the Pod demands zone In [b] (nodeSelector), the patch In [a] (nodeAffinity)"},
				Warnings: []string{"The Pod would be created without the patch: no node can match: the Pod demands zone In [b] " +
					"(nodeSelector), the patch In [a] (nodeAffinity)."}}},
		"there is no node anyway": {
			makePatch(preview), template(nil), nil, nodes[3:],
			outlook{Warnings: []string{"No node is eligible, with the patch or without it."}}},
		"a conflict leaves the Pod as it is": {
			makePatch(preview), template(zoneB), nil, nodes,
			outlook{Before: 1, After: 1, Nodes: []string{"b1"}, Conflicts: []string{`nodeSelector zone is "b" in the Pod and "a" in the patch`},
				Warnings: []string{`The Pod would be created without the patch: nodeSelector zone is "b" in the Pod and "a" in the patch.`}}},
		"a conflict that denies": {
			makePatch(preview, rejects), template(zoneB), nil, nodes,
			outlook{Before: 1, After: 1, Nodes: []string{"b1"}, Conflicts: []string{`nodeSelector zone is "b" in the Pod and "a" in the patch`},
				Warnings: []string{`The Pod would be denied, since onConflict is Reject: nodeSelector zone is "b" in the Pod and "a" in the patch.`}}},
		"another patch denies the Pod": {
			makePatch(preview, tolerating), template(zoneB), []*v1alpha1.SchedPatch{makePatch(named("strict"), rejects)}, nodes,
			outlook{Before: 1, After: 1, Nodes: []string{"b1"},
				Warnings: []string{`SchedPatch strict denies such Pods: nodeSelector zone is "b" in the Pod and "a" in the patch.`}}},
		"a rule about the hostname": {
			makePatch(preview, required(corev1.LabelHostname, "a1")), template(nil), nil, nodes,
			outlook{Before: 3, After: 1, Nodes: []string{"a1"},
				Warnings: []string{"It demands something of the label kubernetes.io/hostname: Karpenter starts no node for Pods that do."}}},
		"a spread over hosts that are excluded": {
			makePatch(preview), template(func(spec *corev1.PodSpec) {
				spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{
					{TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.DoNotSchedule,
						NodeAffinityPolicy: ptr.To(corev1.NodeInclusionPolicyIgnore)}}
			}), nil, nodes,
			outlook{Before: 3, After: 2, Nodes: []string{"a1", "a2"},
				Warnings: []string{"A topologySpreadConstraint on kubernetes.io/hostname with nodeAffinityPolicy Ignore also counts the " +
					"nodes that the patch excludes, so Pods may stay pending."}}},
		"podSelector selects other Pods": {
			makePatch(preview, func(o *v1alpha1.SchedPatch) {
				o.Spec.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web"}}
			}), template(nil), nil, nodes,
			outlook{Before: 3, After: 2, Nodes: []string{"a1", "a2"},
				Warnings: []string{"podSelector does not select the labels of the Pod template; only Pods that get other labels besides " +
					"would be patched."}}},
		"the template names a node": {
			makePatch(preview), template(func(spec *corev1.PodSpec) { spec.NodeName = "a1" }), nil, nodes,
			outlook{Before: 3, After: 2, Nodes: []string{"a1", "a2"},
				Warnings: []string{"The Pod template sets spec.nodeName to a1: its Pods never meet the scheduler and are not patched."}}},
		"a Pod stands in for a template": {
			makePatch(preview), &sched.Template{Pod: "cart-0"}, nil, nodes,
			outlook{Before: 3, After: 2, Nodes: []string{"a1", "a2"},
				Warnings: []string{"Deployment cart has no Pod template: this is what would have become of Pod cart-0."}}},
		"only ten nodes are named": {
			makePatch(preview), template(nil), nil, manyNodes(12),
			outlook{Before: 12, After: 12, Nodes: []string{"n00", "n01", "n02", "n03", "n04", "n05", "n06", "n07", "n08", "n09"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshotOf(t, test.object)
			s.Template, s.Nodes = test.template, test.nodes
			for _, other := range test.others {
				s.Others = append(s.Others, compile(t, other))
			}
			p := makePreview(s, MakePlan(s).NewPods)
			got := outlook{Before: p.EligibleNodesBefore, After: p.EligibleNodesAfter, Nodes: p.EligibleNodes, Conflicts: p.Conflicts,
				Warnings: p.Warnings}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("preview (-want +got):\n%s", diff)
			}
		})
	}
}

func manyNodes(n int) []*corev1.Node {
	var out []*corev1.Node
	for i := range n {
		out = append(out, node(fmt.Sprintf("n%02d", i), map[string]string{"zone": "a"}))
	}
	return out
}

func TestAPreviewStaysWithinWhatTheAPITakes(t *testing.T) {
	s := snapshotOf(t, makePatch(preview))
	s.Template = template(zoneB)
	for i := range 40 {
		s.Others = append(s.Others, compile(t, makePatch(named(fmt.Sprintf("strict-%02d", i)), rejects)))
	}
	if got := len(statusOf(s).Preview.Warnings); got != maxWarnings {
		t.Errorf("%d warnings, want %d", got, maxWarnings)
	}
}

func TestThereIsNoPreviewOfAnActivePatchOrWithoutATemplate(t *testing.T) {
	active := snapshotOf(t, makePatch())
	active.Template = template(nil)
	for name, s := range map[string]*Snapshot{"active": active, "no template": snapshotOf(t, makePatch(preview))} {
		if got := makePreview(s, MakePlan(s).NewPods); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What a preview shows is what the same merge adds to a Pod once the patch is active, whatever the Pod and the other
// patches say.
func TestThePreviewIsWhatAdmissionDoes(t *testing.T) {
	templates := map[string]*sched.Template{
		"bare": template(nil), "another zone": template(zoneB), "many terms": template(manyOwnTerms),
		"tolerating": template(func(spec *corev1.PodSpec) {
			spec.Tolerations = []corev1.Toleration{{Key: "a", Operator: corev1.TolerationOpExists}}
		}),
	}
	patches := map[string]func() *v1alpha1.SchedPatch{
		"node selector": func() *v1alpha1.SchedPatch { return makePatch() },
		"affinity":      func() *v1alpha1.SchedPatch { return makePatch(required("disk", "ssd", "nvme")) },
		"many terms":    manyTerms,
	}
	other := compile(t, makePatch(named("other"), required("arch", "arm64"), func(o *v1alpha1.SchedPatch) { o.Spec.Priority = 5 }))
	for from, template := range templates {
		for what, patch := range patches {
			t.Run(what+" on "+from, func(t *testing.T) {
				previewed := patch()
				preview(previewed)
				s := snapshotOf(t, previewed)
				s.Template, s.Others = template, []*sched.Patch{other}
				p := makePreview(s, MakePlan(s).NewPods)
				got := sched.Rules{Affinity: p.Affinity, Tolerations: p.Tolerations, NodeSelector: p.NodeSelector}

				active := compile(t, patch())
				want, _ := sched.Merge(sched.RulesOf(&template.Spec), []*sched.Patch{active, other})
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("rules (-admission +preview):\n%s", diff)
				}
			})
		}
	}
}
