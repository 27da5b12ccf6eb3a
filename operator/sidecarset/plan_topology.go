// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// topology is where a rollout stands that takes one domain after the other: those of the values of a label of nodes, in
// the order of the values, and at last the nodes without the label.
type topology struct {
	key string
	// nodes are the domains by node.
	nodes map[string]string
	// first is the first domain that has Pods which could be updated, pending is how many these are.
	first   string
	pending int
	// begun are, by domain, a Pod of which an update has begun that is not at its end.
	begun map[string]*sidecar.View
	// words are what Pods wait for, by the domain that comes before theirs.
	words map[string]string
}

// newTopology looks where the rollout stands; nil when there is no order. candidates are the Pods that could be updated:
// none that something keeps at its version, and none that the API server has refused to change.
func newTopology(s *Snapshot, candidates []candidate) *topology {
	key := s.Set.Spec.UpdateStrategy.TopologyKey
	if key == "" {
		return nil
	}
	t := &topology{key: key, nodes: s.Domains, begun: map[string]*sidecar.View{}, words: map[string]string{}}
	candidate := map[*sidecar.View]bool{}
	for i := range candidates {
		candidate[candidates[i].View] = true
		switch domain := t.of(candidates[i].View); {
		case t.pending == 0 || before(domain, t.first):
			t.first, t.pending = domain, 1
		case domain == t.first:
			t.pending++
		}
	}
	for _, view := range s.Matched {
		if unfinished(s, view) || !candidate[view] && restartsIdle(s, view) {
			t.begin(view)
		}
	}
	return t
}

// of is the domain of a Pod's node. A Pod without a node, and one whose node is gone, are of none.
func (t *topology) of(view *sidecar.View) string { return t.nodes[view.Pod.Spec.NodeName] }

// before orders domains by name, none last.
func before(a, b string) bool { return a != "" && (b == "" || a < b) }

// begin notes that an update has begun.
func (t *topology) begin(view *sidecar.View) {
	domain := t.of(view)
	if at := t.begun[domain]; at == nil || comparePods(view.Pod, at.Pod) < 0 {
		t.begun[domain] = view
	}
}

// unfinished reports whether an update of the set has begun in a Pod and is not at its end, and whether anybody has to
// wait for that: it does not serve because of it, or its kubelet is about it and can be.
func unfinished(s *Snapshot, view *sidecar.View) bool {
	return charged(s, view) || view.Updated() && restartsIdle(s, view)
}

// restartsIdle reports whether the kubelet is about a change by the set of a Pod that does not serve anyway, and can be.
func restartsIdle(s *Snapshot, view *sidecar.View) bool {
	if !view.Touched() || !view.UnderWay() || view.Ready() {
		return false
	}
	_, stuck := s.whyDown(view)
	return !stuck
}

// otherDomain holds back a Pod of a domain, whether it serves or not, while an earlier one has Pods that could be updated,
// and while any other has one of which the update is not at its end. A Pod of which that is so itself goes on, unless it
// serves again and only has to for longer: a newer version would take it down beside the Pods of another domain.
func (p *planner) otherDomain(c *candidate) (words string, waits bool) {
	t := p.topology
	if t == nil || unfinished(p.s, c.View) && !p.s.keepsShare(c.View) {
		return "", false
	}
	domain := t.of(c.View)
	if t.pending > 0 && before(t.first, domain) {
		return t.say(t.first, fmt.Sprintf("comes first: %d of its Pods are not at the new version", t.pending)), true
	}
	other, found := "", false
	for begun := range t.begun {
		if begun != domain && (!found || before(begun, other)) {
			other, found = begun, true
		}
	}
	if !found {
		return "", false
	}
	return t.say(other, "is not at its end: Pod "+podName(t.begun[other].Pod)+" was changed and has to serve first"), true
}

// takeDomain notes that a domain is begun.
func (p *planner) takeDomain(c *candidate) {
	if p.topology != nil {
		p.topology.begin(c.View)
	}
}

// say makes what Pods wait for in a domain, once.
func (t *topology) say(domain, words string) string {
	if t.words[domain] == "" {
		name := t.key + " " + domain
		if domain == "" {
			name = "What has no " + t.key
		}
		t.words[domain] = name + " " + words
	}
	return t.words[domain]
}
