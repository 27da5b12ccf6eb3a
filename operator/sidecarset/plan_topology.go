// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// topology is where a rollout stands that takes one domain after the other: those of the values of a label of nodes, in
// the order of the values, and at last the nodes without the label.
type topology struct {
	key string
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
func newTopology(s *Snapshot, candidates []*candidate) *topology {
	key := s.Set.Spec.UpdateStrategy.TopologyKey
	if key == "" {
		return nil
	}
	t := &topology{key: key, begun: map[string]*sidecar.View{}, words: map[string]string{}}
	for _, c := range candidates {
		switch {
		case t.pending == 0 || before(c.domain, t.first):
			t.first, t.pending = c.domain, 1
		case c.domain == t.first:
			t.pending++
		}
	}
	var idle []*sidecar.View
	for _, view := range s.Matched {
		switch {
		case unfinished(s, view):
			t.begin(s.domain(view), view)
		case restartsIdle(s, view):
			idle = append(idle, view)
		}
	}
	for _, view := range notAmong(candidates, idle) {
		t.begin(s.domain(view), view)
	}
	return t
}

// notAmong are some Pods but for the candidates among them.
func notAmong(candidates []*candidate, views []*sidecar.View) []*sidecar.View {
	if len(views) == 0 {
		return nil // as mostly
	}
	is := make(map[*sidecar.View]bool, len(candidates))
	for _, c := range candidates {
		is[c.View] = true
	}
	return slices.DeleteFunc(views, func(v *sidecar.View) bool { return is[v] })
}

// domain is that of a Pod's node, "" where there is no order of domains. A Pod without a node, and one whose node is gone,
// are of none.
func (s *Snapshot) domain(view *sidecar.View) string {
	if len(s.Domains) == 0 {
		return ""
	}
	return s.Domains[view.Pod.Spec.NodeName]
}

// before orders domains by name, none last.
func before(a, b string) bool { return a != "" && (b == "" || a < b) }

// begin notes that an update of a Pod of a domain has begun.
func (t *topology) begin(domain string, view *sidecar.View) {
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
	if t.pending > 0 && before(t.first, c.domain) {
		return t.say(t.first, func() string {
			return fmt.Sprintf("comes first: %d of its Pods are not at the new version", t.pending)
		}), true
	}
	other, found := "", false
	for begun := range t.begun {
		if begun != c.domain && (!found || before(begun, other)) {
			other, found = begun, true
		}
	}
	if !found {
		return "", false
	}
	return t.say(other, func() string {
		return "is not at its end: Pod " + podName(t.begun[other].Pod) + " was changed and has to serve first"
	}), true
}

// takeDomain notes that a domain is begun.
func (p *planner) takeDomain(c *candidate) {
	if p.topology != nil {
		p.topology.begin(c.domain, c.View)
	}
}

// say makes what Pods wait for in a domain, once.
func (t *topology) say(domain string, words func() string) string {
	if t.words[domain] == "" {
		name := t.key + " " + domain
		if domain == "" {
			name = "What has no " + t.key
		}
		t.words[domain] = name + " " + words()
	}
	return t.words[domain]
}
