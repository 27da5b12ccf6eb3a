// SPDX-License-Identifier: Apache-2.0

package scheduling

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// required is a node affinity with one term.
func required(term corev1.NodeSelectorTerm) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{term},
	}}}
}

func expression(key string, operator corev1.NodeSelectorOperator, values ...string) *corev1.Affinity {
	return required(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: operator, Values: values}}})
}

func TestAllows(t *testing.T) {
	tainted := func(effect corev1.TaintEffect) corev1.NodeSpec {
		return corev1.NodeSpec{Taints: []corev1.Taint{{Key: "gpu", Value: "yes", Effect: effect}}}
	}
	gpu := []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpEqual, Value: "yes"}}
	named := func(operator corev1.NodeSelectorOperator, name string) *corev1.Affinity {
		return required(corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{
			{Key: "metadata.name", Operator: operator, Values: []string{name}},
		}})
	}
	for name, test := range map[string]struct {
		selector    map[string]string
		affinity    *corev1.Affinity
		tolerations []corev1.Toleration
		node        corev1.NodeSpec
		want        bool
	}{
		"no rules":                                   {want: true},
		"a node selector that the labels meet":       {selector: map[string]string{"zone": "a"}, want: true},
		"a node selector that they do not meet":      {selector: map[string]string{"zone": "b"}},
		"an affinity that the labels meet":           {affinity: expression("zone", corev1.NodeSelectorOpNotIn, "b"), want: true},
		"an affinity that they do not meet":          {affinity: expression("zone", corev1.NodeSelectorOpIn, "b")},
		"an affinity that the name meets":            {affinity: named(corev1.NodeSelectorOpIn, "n1"), want: true},
		"an affinity that the name does not meet":    {affinity: named(corev1.NodeSelectorOpNotIn, "n1")},
		"a term without requirements":                {affinity: required(corev1.NodeSelectorTerm{})},
		"a requirement that cannot be read":          {affinity: expression("zone", corev1.NodeSelectorOpGt, "many")},
		"the selector is met and the affinity not":   {selector: map[string]string{"zone": "a"}, affinity: expression("zone", corev1.NodeSelectorOpIn, "b")},
		"a taint that keeps new Pods away":           {node: tainted(corev1.TaintEffectNoSchedule)},
		"a taint that keeps all Pods away":           {node: tainted(corev1.TaintEffectNoExecute)},
		"a taint that is tolerated":                  {node: tainted(corev1.TaintEffectNoSchedule), tolerations: gpu, want: true},
		"a taint that is avoided where possible":     {node: tainted(corev1.TaintEffectPreferNoSchedule), want: true},
		"a cordoned node":                            {node: corev1.NodeSpec{Unschedulable: true}},
		"a cordoned node, and all taints tolerated":  {node: corev1.NodeSpec{Unschedulable: true}, tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}, want: true},
		"a cordoned node, and another one tolerated": {node: corev1.NodeSpec{Unschedulable: true}, tolerations: gpu},
	} {
		t.Run(name, func(t *testing.T) {
			node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"zone": "a"}}, Spec: test.node}
			if got := Allows(test.selector, test.affinity, test.tolerations)(node); got != test.want {
				t.Errorf("allowed: %v", got)
			}
			if len(node.Spec.Taints) != len(test.node.Taints) {
				t.Errorf("the node was changed: %v", node.Spec.Taints)
			}
		})
	}
}

func TestReady(t *testing.T) {
	for name, test := range map[string]struct {
		conditions []corev1.NodeCondition
		want       bool
	}{
		"its kubelet says so":           {[]corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}, true},
		"its kubelet says nothing":      {[]corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}, false},
		"its kubelet has not said yet":  {nil, false},
		"another condition is no proof": {[]corev1.NodeCondition{{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Ready(&corev1.Node{Status: corev1.NodeStatus{Conditions: test.conditions}}); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// The taint of a cordoned node must not be written behind the node's own, which others read.
func TestTaintsOfANodeAreNotWrittenTo(t *testing.T) {
	taints := make([]corev1.Taint, 1, 2)
	taints[0] = corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectPreferNoSchedule}
	node := &corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true, Taints: taints}}
	if Allows(nil, nil, nil)(node) {
		t.Error("a cordoned node is allowed")
	}
	if behind := taints[:2][1]; behind.Key != "" {
		t.Errorf("behind the node's taints is %v", behind)
	}
}
