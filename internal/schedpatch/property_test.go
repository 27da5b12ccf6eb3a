// SPDX-License-Identifier: Apache-2.0

package schedpatch_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedulinghelpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/windlass-operator/windlass/internal/schedpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// cases is how many random Pods are patched and put before a node.
const cases = 100_000

// random draws from few labels and values, so that rules and nodes often meet.
type random struct{ *rand.Rand }

func (r random) pick(from ...string) string { return from[r.IntN(len(from))] }

func (r random) labelKey() string { return r.pick("zone", "disk", "size") }

func (r random) labelValue() string { return r.pick("1", "2", "3") }

// most is true about two times in three.
func (r random) most() bool { return r.IntN(3) > 0 }

func list[T any](r random, least, most int, draw func() T) []T {
	var out []T
	for range least + r.IntN(most-least+1) {
		out = append(out, draw())
	}
	return out
}

func (r random) requirement() corev1.NodeSelectorRequirement {
	operators := []corev1.NodeSelectorOperator{
		corev1.NodeSelectorOpIn, corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn, corev1.NodeSelectorOpNotIn,
		corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist, corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt,
	}
	out := corev1.NodeSelectorRequirement{Key: r.labelKey(), Operator: operators[r.IntN(len(operators))]}
	switch out.Operator {
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		out.Values = list(r, 1, 2, r.labelValue)
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		out.Values = []string{r.labelValue()}
	case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist:
	}
	return out
}

func (r random) fieldRequirement() corev1.NodeSelectorRequirement {
	operators := []corev1.NodeSelectorOperator{corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn}
	return corev1.NodeSelectorRequirement{Key: metav1.ObjectNameField, Operator: operators[r.IntN(2)], Values: []string{r.nodeName()}}
}

func (r random) nodeName() string { return r.pick("node-1", "node-2") }

// term draws a term; an empty one, now and then, where that is allowed.
func (r random) term(empty bool) corev1.NodeSelectorTerm {
	out := corev1.NodeSelectorTerm{}
	if empty && r.IntN(5) == 0 {
		return out
	}
	out.MatchExpressions = list(r, 0, 2, r.requirement)
	if len(out.MatchExpressions) == 0 || r.IntN(4) == 0 {
		out.MatchFields = list(r, 1, 1, r.fieldRequirement)
	}
	return out
}

func (r random) terms(least, most int, empty bool) *corev1.NodeSelector {
	return &corev1.NodeSelector{NodeSelectorTerms: list(r, least, most, func() corev1.NodeSelectorTerm { return r.term(empty) })}
}

func (r random) toleration() corev1.Toleration {
	out := corev1.Toleration{Key: r.pick("a", "b"), Effect: corev1.TaintEffect(r.pick("", "NoSchedule", "NoExecute"))}
	switch r.IntN(4) {
	case 0:
		out.Value = r.pick("", "1", "2")
	case 1:
		out.Operator, out.Value = corev1.TolerationOpEqual, r.pick("1", "2")
	default:
		out.Operator, out.Key = corev1.TolerationOpExists, r.pick("a", "b", "")
	}
	if out.Effect == corev1.TaintEffectNoExecute && r.most() {
		after := int64(r.IntN(3))
		out.TolerationSeconds = &after
	}
	return out
}

func (r random) affinityTerm() corev1.PodAffinityTerm {
	return corev1.PodAffinityTerm{TopologyKey: r.labelKey(),
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": r.labelValue()}}}
}

// affinity draws one with all that it can have.
func (r random) affinity(least, most int, empty bool) *corev1.Affinity {
	out := &corev1.Affinity{}
	if r.most() {
		out.NodeAffinity = &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: list(r, 0, 1,
			func() corev1.PreferredSchedulingTerm {
				return corev1.PreferredSchedulingTerm{Weight: 1, Preference: r.term(false)}
			})}
		if r.most() {
			out.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = r.terms(least, most, empty)
		}
	}
	if !r.most() {
		out.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: list(r, 1, 2, r.affinityTerm)}
	}
	return out
}

func (r random) nodeSelector() map[string]string {
	if r.IntN(6) > 0 {
		return nil
	}
	return map[string]string{r.labelKey(): r.labelValue()}
}

func (r random) rules() *schedpatch.Rules {
	out := &schedpatch.Rules{Tolerations: list(r, 0, 3, r.toleration), NodeSelector: r.nodeSelector()}
	if r.most() {
		// Now and then more terms than can be multiplied.
		most := 3
		if r.IntN(20) == 0 {
			most = 80
		}
		out.Affinity = r.affinity(0, most, true)
	}
	return out
}

func (r random) patch(t *testing.T, name string) *schedpatch.Patch {
	t.Helper()
	object := build.MakeSchedPatch(name).Priority(int32(r.IntN(2))).Obj()
	object.Spec.Tolerations, object.Spec.NodeSelector = list(r, 0, 2, r.toleration), r.nodeSelector()
	if r.most() {
		object.Spec.Affinity = r.affinity(1, 3, false)
	}
	object.Spec.Tolerations = append(object.Spec.Tolerations, r.toleration())
	patch, err := schedpatch.Compile(object)
	if err != nil {
		t.Fatal(err)
	}
	return patch
}

func (r random) node() *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: r.nodeName(), Labels: map[string]string{}}}
	for _, key := range []string{"zone", "disk", "size"} {
		if r.most() {
			node.Labels[key] = r.labelValue()
		}
	}
	return node
}

func (r random) taint() *corev1.Taint {
	return &corev1.Taint{Key: r.pick("a", "b"), Value: r.pick("", "1", "2"), Effect: corev1.TaintEffect(r.pick("NoSchedule", "NoExecute"))}
}

// matches asks the scheduler.
func matches(t *testing.T, rules *schedpatch.Rules, node *corev1.Node) bool {
	t.Helper()
	out, err := nodeaffinity.NewRequiredNodeAffinity(rules.NodeSelector, rules.Affinity).Match(node)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tolerates(rules *schedpatch.Rules, taint *corev1.Taint) bool {
	return schedulinghelpers.TolerationsTolerateTaint(logr.Discard(), rules.Tolerations, taint, true)
}

func rulesOfPatch(patch *schedpatch.Patch) *schedpatch.Rules {
	spec := &patch.Object.Spec
	return &schedpatch.Rules{Affinity: spec.Affinity, Tolerations: spec.Tolerations, NodeSelector: spec.NodeSelector}
}

func encode(t *testing.T, value any) string {
	t.Helper()
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// trial is one Pod, patched, before one node with one taint.
type trial struct {
	before, after *schedpatch.Rules
	applied       []*schedpatch.Patch
	node          *corev1.Node
	taint         *corev1.Taint
}

func (c *trial) String() string {
	text := fmt.Sprintf("node %v %s, taint %s", c.node.Labels, c.node.Name, c.taint.ToString())
	for _, part := range append([]*schedpatch.Rules{c.before, c.after}, rulesOf(c.applied)...) {
		encoded, err := json.Marshal(part)
		text += fmt.Sprintf("\n  %s %v", encoded, err)
	}
	return text
}

func rulesOf(patches []*schedpatch.Patch) []*schedpatch.Rules {
	var out []*schedpatch.Rules
	for _, patch := range patches {
		out = append(out, rulesOfPatch(patch))
	}
	return out
}

// newTrial patches and keeps the patches that were applied.
func newTrial(r random, before *schedpatch.Rules, patches []*schedpatch.Patch) (*trial, []schedpatch.Result) {
	after, results := schedpatch.Merge(before, patches)
	out := &trial{before: before, after: &after, node: r.node(), taint: r.taint()}
	for _, result := range results {
		if result.Outcome == schedpatch.OutcomeApplied {
			out.applied = append(out.applied, result.Patch)
		}
	}
	return out, results
}

// checkNode: a node is eligible exactly when it was and every patch allows it.
func (c *trial) checkNode(t *testing.T) {
	t.Helper()
	want := matches(t, c.before, c.node)
	for _, patch := range c.applied {
		want = want && matches(t, rulesOfPatch(patch), c.node)
	}
	if got := matches(t, c.after, c.node); got != want {
		t.Fatalf("match(after) is %t, match(before) AND match(patches) is %t: %v", got, want, c)
	}
}

// checkTaint: a taint is tolerated exactly when it was or some patch tolerates it, and for as long as it was.
func (c *trial) checkTaint(t *testing.T) {
	t.Helper()
	want := tolerates(c.before, c.taint)
	for _, patch := range c.applied {
		want = want || tolerates(rulesOfPatch(patch), c.taint)
	}
	if got := tolerates(c.after, c.taint); got != want {
		t.Fatalf("tolerated(after) is %t, tolerated(before) OR tolerated(patches) is %t: %v", got, want, c)
	}
	kept := c.after.Tolerations[:min(len(c.before.Tolerations), len(c.after.Tolerations))]
	if diff := cmp.Diff(c.before.Tolerations, kept); diff != "" && len(c.before.Tolerations) > 0 {
		t.Fatalf("tolerations of the Pod are not the first ones any more: %v\n%s", c, diff)
	}
}

func (c *trial) checkNodeSelector(t *testing.T) {
	t.Helper()
	for key, value := range c.before.NodeSelector {
		if c.after.NodeSelector[key] != value {
			t.Fatalf("nodeSelector %s is changed: %v", key, c)
		}
	}
}

func TestMergeNarrowsAsTheSchedulerSeesIt(t *testing.T) {
	const seed = 7
	r := random{rand.New(rand.NewPCG(seed, seed))}
	counts := map[string]int{}
	var patches []*schedpatch.Patch
	for i := range cases {
		if i%10 == 0 { // to compile is the slow part, and a patch serves many Pods
			patches = nil
			for j := range 1 + r.IntN(3) {
				patches = append(patches, r.patch(t, "p"+strconv.Itoa(j)))
			}
		}
		before := r.rules()
		encoded := encode(t, before)
		c, results := newTrial(r, before, patches)
		c.checkNode(t)
		c.checkTaint(t)
		c.checkNodeSelector(t)
		if again, _ := schedpatch.Merge(c.after, patches); encode(t, again) != encode(t, c.after) {
			t.Fatalf("applying twice differs from applying once: %s after %v", encode(t, again), c)
		}
		if encode(t, before) != encoded {
			t.Fatalf("the Pod's own rules are modified: %v", c)
		}
		for _, result := range results {
			counts[string(result.Outcome)+string(result.Reason)]++
		}
		counts["eligible "+strconv.FormatBool(matches(t, c.after, c.node))]++
	}
	t.Log(counts)
	// A test that never gets there proves nothing.
	for _, outcome := range []string{"Applied", "SkippedConflict", "SkippedTooManyTerms", "SkippedNothingMatches", "eligible true",
		"eligible false"} {
		if counts[outcome] < cases/1000 {
			t.Errorf("%s came up only %d times: %v", outcome, counts[outcome], slices.Sorted(maps.Keys(counts)))
		}
	}
}
