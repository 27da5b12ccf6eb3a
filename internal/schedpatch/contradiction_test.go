// SPDX-License-Identifier: Apache-2.0

package schedpatch_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
)

func TestContradictionsAreConflicts(t *testing.T) {
	const key = "kubernetes.io/hostname"
	term := func(operator, values string) string {
		return "{matchExpressions: [{key: " + key + ", operator: " + operator + ", values: [" + values + "]}]}"
	}
	bare := func(operator string) string {
		return "{matchExpressions: [{key: " + key + ", operator: " + operator + "}]}"
	}
	field := func(operator, name string) string {
		return "{matchFields: [{key: metadata.name, operator: " + operator + ", values: [" + name + "]}]}"
	}
	selector := "nodeSelector: {" + key + ": node1}"
	conflict := func(message string) []outcome {
		return []outcome{{"p0", schedpatch.OutcomeSkipped, schedpatch.ReasonConflict, message}}
	}
	for name, tc := range map[string]struct {
		pod, patch string
		want       []outcome
	}{
		"a node selector and NotIn of its value": {selector, required(term("NotIn", "node1")),
			conflict("no node can match: the Pod demands kubernetes.io/hostname In [node1] (nodeSelector), the patch NotIn [node1] (nodeAffinity)")},
		"a node selector and NotIn of another value": {selector, required(term("NotIn", "node2")), applied},
		"a node selector of the patch and NotIn of the Pod": {required(term("NotIn", "node1, node2")), selector,
			conflict("no node can match: the Pod demands kubernetes.io/hostname NotIn [node1, node2] (nodeAffinity), the patch In " +
				"[node1] (nodeSelector)")},
		"two lists of values that have nothing in common": {required(term("In", "a, b")), required(term("In", "c, d, e, f, g, h, i")),
			conflict("no node can match: the Pod demands kubernetes.io/hostname In [a, b] (nodeAffinity), the patch In [c, d, e, f, g " +
				"and 2 more] (nodeAffinity)")},
		"two lists of values that have one in common": {required(term("In", "a, b")), required(term("In", "b, c")), applied},
		"present and absent": {required(bare("Exists")), required(bare("DoesNotExist")),
			conflict("no node can match: the Pod demands kubernetes.io/hostname Exists (nodeAffinity), the patch DoesNotExist (nodeAffinity)")},
		"absent and any value but one": {required(bare("DoesNotExist")), required(term("NotIn", "a")), applied},
		"no number between": {required(term("Gt", `"3"`)), required(term("Lt", `"4"`)),
			conflict("no node can match: the Pod demands kubernetes.io/hostname Gt [3] (nodeAffinity), the patch Lt [4] (nodeAffinity)")},
		"one number between": {required(term("Gt", `"3"`)), required(term("Lt", `"5"`)), applied},
		"one number between, of which a spelling is left": {required(term("Gt", `"3"`) + "," + term("In", "x")),
			required(term("NotIn", `"4"`)), applied},
		"a value that is no number": {selector, required(term("Gt", `"1"`)),
			conflict("no node can match: the Pod demands kubernetes.io/hostname In [node1] (nodeSelector), the patch Gt [1] (nodeAffinity)")},
		"another node by its name": {required(field("In", "node-1")), required(field("NotIn", "node-1")),
			conflict("no node can match: the Pod demands metadata.name In [node-1] (nodeAffinity), the patch NotIn [node-1] (nodeAffinity)")},
		"a name and a label are not compared": {required(field("In", "node-1")), required(term("In", "node-2")), applied},
		"one of the Pod's terms is left":      {required(term("In", "a") + "," + term("In", "b")), required(term("NotIn", "a")), applied},
		"one of the patch's terms is left":    {selector, required(term("NotIn", "node1") + "," + bare("Exists")), applied},
		"the Pod's own rules contradict":      {selector + "\n" + required(term("In", "node2")), required(term("NotIn", "node1")), applied},
		"a term of the Pod that contradicts itself": {
			required(`{matchExpressions: [{key: zone, operator: Exists}, {key: zone, operator: DoesNotExist}]},` + term("In", "a")),
			required(term("NotIn", "a")),
			conflict("no node can match: the Pod demands kubernetes.io/hostname In [a] (nodeAffinity), the patch NotIn [a] (nodeAffinity)")},
		"the patch contradicts itself": {"", "nodeSelector: {zone: a}\n" +
			required(`{matchExpressions: [{key: zone, operator: NotIn, values: [a]}]}`),
			conflict("no node can match, since the patch contradicts itself: it demands zone In [a] (nodeSelector) and NotIn [a] (nodeAffinity)")},
		"each pair of terms for a reason of its own": {required(term("In", "a") + "," + `{matchExpressions: [{key: zone, operator: Exists}]}`),
			required(`{matchExpressions: [{key: zone, operator: DoesNotExist}, {key: ` + key + `, operator: NotIn, values: [a]}]}`),
			conflict("no node can match: the Pod demands kubernetes.io/hostname In [a] (nodeAffinity), the patch NotIn [a] (nodeAffinity); " +
				"no node can match: the Pod demands zone Exists (nodeAffinity), the patch DoesNotExist (nodeAffinity)")},
	} {
		t.Run(name, func(t *testing.T) {
			rules := parse[schedpatch.Rules](t, tc.pod)
			merged, results := schedpatch.Merge(&rules, compiled(t, tc.patch))
			if diff := cmp.Diff(tc.want, outcomes(results)); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(rules, merged); results[0].Outcome != schedpatch.OutcomeApplied && diff != "" {
				t.Errorf("the Pod's rules are changed:\n%s", diff)
			}
		})
	}
}

func TestAContradictionRejects(t *testing.T) {
	rules := parse[schedpatch.Rules](t, "nodeSelector: {zone: a}")
	patches := compiled(t, "onConflict: Reject\n"+required(`{matchExpressions: [{key: zone, operator: NotIn, values: [a]}]}`))
	_, results := schedpatch.Merge(&rules, patches)
	want := []outcome{{"p0", schedpatch.OutcomeRejected, schedpatch.ReasonConflict,
		"no node can match: the Pod demands zone In [a] (nodeSelector), the patch NotIn [a] (nodeAffinity)"}}
	if diff := cmp.Diff(want, outcomes(results)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// universe are all nodes that tests of contradictions need: each label is absent or has one of the values that
// requirements name, or one that none names, or is another spelling of a number.
func universe() []*corev1.Node {
	values := []string{"absent", "0", "1", "2", "3", "4", "00", "01", "02", "03", "04", "5", "x", "other"}
	var out []*corev1.Node
	for _, name := range []string{"node-1", "node-2", "node-other"} {
		for _, zone := range values {
			for _, disk := range values {
				labels := map[string]string{}
				for key, value := range map[string]string{"zone": zone, "disk": disk} {
					if value != "absent" {
						labels[key] = value
					}
				}
				out = append(out, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
			}
		}
	}
	return out
}

// twoKeys draws rules about zone, disk and the node's name.
func (r random) twoKeys() *schedpatch.Rules {
	requirement := func() corev1.NodeSelectorRequirement {
		out := r.requirement()
		out.Key = r.pick("zone", "disk")
		for i := range out.Values {
			out.Values[i] = r.pick("0", "1", "2", "3", "4")
		}
		if out.Operator == corev1.NodeSelectorOpIn && r.IntN(4) == 0 {
			out.Values = append(out.Values, "x", "03")
		}
		return out
	}
	out := &schedpatch.Rules{}
	if r.IntN(3) == 0 {
		out.NodeSelector = map[string]string{r.pick("zone", "disk"): r.pick("0", "1", "2", "3", "x")}
	}
	terms := list(r, 1, 2, func() corev1.NodeSelectorTerm {
		term := corev1.NodeSelectorTerm{MatchExpressions: list(r, 1, 3, requirement)}
		if r.IntN(5) == 0 {
			term.MatchFields = list(r, 1, 1, r.fieldRequirement)
		}
		return term
	})
	if r.most() {
		out.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
		}}
	}
	return out
}

// matchesAny asks the scheduler about every node of a universe.
func matchesAny(t *testing.T, nodes []*corev1.Node, both ...*schedpatch.Rules) bool {
	t.Helper()
	var all []nodeaffinity.RequiredNodeAffinity
	for _, rules := range both {
		all = append(all, nodeaffinity.NewRequiredNodeAffinity(rules.NodeSelector, rules.Affinity))
	}
next:
	for _, node := range nodes {
		for _, affinity := range all {
			if matches, err := affinity.Match(node); err != nil || !matches {
				continue next
			}
		}
		return true
	}
	return false
}

// Two sets of rules contradict exactly when the scheduler finds no node of all that can be for both, though it finds
// one for the Pod's alone.
func TestAContradictionIsWhatNoNodeCanMeet(t *testing.T) {
	const seed, pairs = 11, 4_000
	r := random{rand.New(rand.NewPCG(seed, seed))}
	nodes := universe()
	counts := map[bool]int{}
	for range pairs {
		pod, spec := r.twoKeys(), r.twoKeys()
		if spec.NodeSelector == nil && spec.Affinity == nil {
			continue
		}
		patch := compile(t, ssd("p").Spec(func(s *v1alpha1.SchedPatchSpec) { s.NodeSelector, s.Affinity = spec.NodeSelector, spec.Affinity }))
		want := matchesAny(t, nodes, pod) && !matchesAny(t, nodes, pod, spec)
		_, results := schedpatch.Merge(pod, []*schedpatch.Patch{patch})
		if strings.HasPrefix(results[0].Message, "nodeSelector") {
			continue // two values of one key are a conflict whatever else the Pod says
		}
		if got := results[0].Reason == schedpatch.ReasonConflict; got != want {
			t.Fatalf("contradiction: %t, want %t: Pod %s, patch %s: %s", got, want, encode(t, pod), encode(t, spec), results[0].Message)
		}
		counts[want]++
	}
	t.Log(counts)
	if counts[true] < pairs/100 || counts[false] < pairs/100 {
		t.Errorf("the pairs prove nothing: %v", counts)
	}
}

// A Pod with more rules than anybody writes costs little to compare, and gets the patch: what is not compared is no
// conflict.
func TestRulesBeyondAllMeasureAreNotCompared(t *testing.T) {
	var many []string
	for i := range 200_000 {
		many = append(many, strconv.Itoa(i))
	}
	pod := &schedpatch.Rules{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: many}},
		}}},
	}}}
	// Together they would be as many as their product.
	wide := &schedpatch.Rules{NodeSelector: map[string]string{}, Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{}}}}
	terms := wide.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	for _, key := range many[:30_000] {
		wide.NodeSelector[key] = "x"
		terms.NodeSelectorTerms = append(terms.NodeSelectorTerms, corev1.NodeSelectorTerm{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "k" + key, Operator: corev1.NodeSelectorOpExists}}})
	}
	for name, rules := range map[string]*schedpatch.Rules{"many values": pod, "many keys and terms": wide} {
		_, results := schedpatch.Merge(rules, compiled(t, "nodeSelector: {zone: elsewhere}"))
		if diff := cmp.Diff(applied, outcomes(results)); diff != "" {
			t.Errorf("%s: outcomes (-want +got):\n%s", name, diff)
		}
	}
}
