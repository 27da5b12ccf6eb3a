// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/windlass-operator/windlass/internal/scheduling"
)

// Template is what a workload makes Pods from, as far as scheduling goes.
type Template struct {
	// Labels of the Pods, without those that a controller adds to each.
	Labels map[string]string
	// Spec has the scheduling rules and topology spread constraints.
	Spec corev1.PodSpec
	// Pod names the Pod that stands in for a template, "" where there is one.
	Pod string
}

// TemplateIn finds the Pod template in a workload: in spec.template, or in a CronJob's spec.jobTemplate. Nil when there
// is none.
func TemplateIn(workload map[string]any) *Template {
	for _, path := range []string{"spec.jobTemplate.spec.template", "spec.template"} {
		content, found, err := unstructured.NestedMap(workload, strings.Split(path, ".")...)
		if err != nil || !found {
			continue
		}
		template := &corev1.PodTemplateSpec{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, template); err != nil || len(template.Spec.Containers) == 0 {
			continue // a template of something else
		}
		return &Template{Labels: template.Labels, Spec: SchedulingOf(&template.Spec)}
	}
	return nil
}

// SchedulingOf keeps of a Pod spec what decides where the Pod may run.
func SchedulingOf(spec *corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{
		NodeName: spec.NodeName, NodeSelector: spec.NodeSelector, Affinity: spec.Affinity,
		Tolerations: spec.Tolerations, TopologySpreadConstraints: spec.TopologySpreadConstraints,
	}
}

// FitsNode makes the question whether a node's labels let in the Pods that the patch is for: those of a template or,
// without one, Pods without rules of their own. Taints are not looked at.
func (p *Patch) FitsNode(template *Template) func(*corev1.Node) bool {
	rules := &Rules{}
	if template != nil {
		rules = RulesOf(&template.Spec)
	}
	with, _ := Merge(rules, []*Patch{p})
	return Matches(&with)
}

// Matches makes the question whether a node's labels meet the rules.
func Matches(rules *Rules) func(*corev1.Node) bool {
	return scheduling.Matches(rules.NodeSelector, rules.Affinity)
}
