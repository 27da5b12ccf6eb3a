// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/scheduling"
)

// candidates are the nodes that a Pod could be scheduled to, its own and excluded ones among them.
type candidates struct {
	// eligible are Ready, schedulable and allowed by the Pod's volumes and, but for our own exclusions, by its rules.
	eligible []string
	// pinned names the first volume that not all of the others can be used with.
	pinned string
}

// candidates lists the nodes for a Pod.
func (p *planner) candidates(pod *Pod) *candidates {
	if known := p.lists[pod]; known != nil {
		return known
	}
	out := p.candidatesAlike(pod)
	p.lists[pod] = out
	return out
}

// selected are the candidates for Pods that ask for no more of a node than some labels.
type selected struct {
	labels     map[string]string
	candidates *candidates
}

// candidatesAlike lists the nodes for a Pod, or returns the list of another one that asks for the same.
func (p *planner) candidatesAlike(pod *Pod) *candidates {
	details := p.s.Details[pod.UID]
	if pod.Spec.Affinity != nil || len(pod.Spec.Tolerations) > 0 || details != nil && len(details.Volumes) > 0 {
		return p.candidatesOf(pod)
	}
	for _, known := range p.alike {
		if maps.Equal(known.labels, pod.Spec.NodeSelector) {
			return known.candidates
		}
	}
	out := p.candidatesOf(pod)
	p.alike = append(p.alike, selected{pod.Spec.NodeSelector, out})
	return out
}

func (p *planner) candidatesOf(pod *Pod) *candidates {
	allows := scheduling.Allows(pod.Spec.NodeSelector, p.withoutOurs(pod.Spec.Affinity), pod.Spec.Tolerations)
	out := &candidates{}
	for _, node := range p.usable() {
		if !allows(node) {
			continue
		}
		if volume := p.rejects(pod, node); volume == "" {
			out.eligible = append(out.eligible, node.Name)
		} else if out.pinned == "" || volume < out.pinned {
			out.pinned = volume
		}
	}
	return out
}

// usable are the Nodes that are Ready and take new Pods, by name.
func (p *planner) usable() []*corev1.Node {
	if p.usableNodes == nil {
		p.usableNodes = make([]*corev1.Node, 0, len(p.s.Nodes))
		for _, node := range p.s.Nodes {
			if usable(node) {
				p.usableNodes = append(p.usableNodes, node)
			}
		}
		slices.SortFunc(p.usableNodes, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	}
	return p.usableNodes
}

// hostname is the value of a Node's hostname label, "" where it has none or shares it with another Node.
func (p *planner) hostname(node *corev1.Node) string {
	if p.hostnames == nil {
		p.hostnames = make(map[string]int, len(p.s.Nodes))
		for _, each := range p.s.Nodes {
			p.hostnames[each.Labels[corev1.LabelHostname]]++
		}
	}
	if value := node.Labels[corev1.LabelHostname]; p.hostnames[value] == 1 {
		return value
	}
	return ""
}

// fits reports whether a Pod could be scheduled to a node, but for exclusions.
func (p *planner) fits(pod *Pod, node string) bool {
	return slices.Contains(p.candidates(pod).eligible, node)
}

// usable reports whether a node is Ready and takes new Pods.
func usable(node *corev1.Node) bool { return scheduling.Ready(node) && !node.Spec.Unschedulable }

// withoutOurs is the affinity of a Pod without the rules that it got from earlier versions of our SchedPatch: those
// about recorded nodes alone.
func (p *planner) withoutOurs(affinity *corev1.Affinity) *corev1.Affinity {
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return affinity
	}
	ours := func(key string) func(corev1.NodeSelectorRequirement) bool {
		return func(r corev1.NodeSelectorRequirement) bool {
			return r.Key == key && r.Operator == corev1.NodeSelectorOpNotIn && p.recorded(r.Values)
		}
	}
	required := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.DeepCopy()
	for i := range required.NodeSelectorTerms {
		term := &required.NodeSelectorTerms[i]
		term.MatchExpressions = slices.DeleteFunc(term.MatchExpressions, ours(corev1.LabelHostname))
		term.MatchFields = slices.DeleteFunc(term.MatchFields, ours(fieldName))
		if len(term.MatchExpressions)+len(term.MatchFields) == 0 {
			return nil // the Pod had no such rule of its own
		}
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: required}}
}

// recorded reports whether all values are hostnames or names of nodes that the record knows.
func (p *planner) recorded(values []string) bool {
	return !slices.ContainsFunc(values, func(value string) bool {
		return !slices.ContainsFunc(p.record.Exclusions, func(e Exclusion) bool { return e.Hostname == value || e.Node == value })
	})
}

// rejects names a volume of a Pod that cannot be used on a node, "" for none.
func (p *planner) rejects(pod *Pod, node *corev1.Node) string {
	details := p.s.Details[pod.UID]
	if details == nil {
		return ""
	}
	for i := range details.Volumes {
		if why := details.Volumes[i].rejects(node); why != "" {
			return why
		}
	}
	return ""
}

// rejects says why a claim's volume cannot be used on a node, "" when it can, or when nobody knows yet.
func (v *Volume) rejects(node *corev1.Node) string {
	selected := v.Claim.Annotations[selectedNodeAnnotation]
	switch {
	case v.Claim.DeletionTimestamp != nil:
		return ""
	case v.Lost:
		return fmt.Sprintf("claim %s is bound to volume %s, which does not exist any more", v.Claim.Name, v.Claim.Spec.VolumeName)
	case v.PV == nil && selected != "" && selected != node.Name:
		return fmt.Sprintf("claim %s is being provisioned for node %s", v.Claim.Name, selected)
	case v.PV == nil || v.PV.Spec.NodeAffinity == nil || v.PV.Spec.NodeAffinity.Required == nil:
		return ""
	}
	selector, err := nodeaffinity.NewNodeSelector(v.PV.Spec.NodeAffinity.Required)
	if err == nil && selector.Match(node) {
		return ""
	}
	return fmt.Sprintf("claim %s is bound to volume %s, which other nodes do not have", v.Claim.Name, v.PV.Name)
}

// anyOther reports whether there are other nodes than one.
func anyOther(names []string, node string) bool {
	return len(names) > 1 || len(names) == 1 && names[0] != node
}

// karpenterMatters reports whether Karpenter has a say in what becomes of the set: where the user leaves it to us how
// nodes are excluded, and any are or might be now.
func (p *planner) karpenterMatters() bool {
	mode := p.settings.ExclusionMode
	return mode != v1beta1.ExclusionModeRequired && mode != v1beta1.ExclusionModePreferred &&
		(!p.s.Record.Empty() || len(p.needDetails()) > 0)
}
