// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/report"
)

// planner makes one plan. It goes in two steps: every Pod gets at most one wish (to go, or to be brought to the update
// revision), and each wish is then carried as far as the Pod's lifecycle hooks let it. A Pod that is hooked and whose
// wish has gone, because the set was scaled up again or rolled back, is let free by the same second step.
type planner struct {
	s       *Snapshot
	plan    *Plan
	wishes  map[*View]wish
	changes map[string]revisionChange
	byName  map[string]*Revision
	// condemned are the Pods that there should not be.
	condemned map[*View]bool
	// budgets are what the plan has left of PodDisruptionBudgets, nil before somebody has asked; takes are those that
	// each Pod was taken from.
	budgets *disruption.Counter
	takes   map[*View][]ledger.Budget
	// name is where names are written that are only looked up.
	name []byte
	err  error
}

// wish is what is to happen to a Pod.
type wish struct {
	kind   wishKind
	cause  Cause
	reason string
}

type wishKind int

const (
	wishNone wishKind = iota
	// wishDelete lets the Pod go.
	wishDelete
	// wishUpdate brings the Pod and its claims to what the set says now.
	wishUpdate
)

// revisionChange is how to get from a revision to the update revision in a running Pod.
type revisionChange struct {
	change inplace.Change
	// obstacles are what stands against it, empty when nothing does.
	obstacles []string
}

func newPlanner(s *Snapshot) (*planner, error) {
	revisions, err := planRevisions(s)
	if err != nil {
		return nil, err
	}
	p := &planner{
		s: s, plan: &Plan{Revisions: revisions, Layout: newLayout(s), Takes: s.Takes},
		wishes: map[*View]wish{}, changes: map[string]revisionChange{}, byName: make(map[string]*Revision, len(s.Revisions)),
		takes: map[*View][]ledger.Budget{},
	}
	for _, r := range s.Revisions {
		p.byName[r.Object.Name] = r
	}
	p.condemned = make(map[*View]bool, len(p.plan.Layout.condemned))
	for _, view := range p.plan.Layout.condemned {
		p.condemned[view] = true
	}
	return p, nil
}

// want gives a Pod its wish, unless it has one: the first cause counts. A wish that the API server refused a moment ago
// waits, and the Pod is to be left as it is meanwhile. Where only a resize was refused, since the node can never give it,
// there is another way.
func (p *planner) want(view *View, w wish) {
	if _, has := p.wishes[view]; has || view.terminating() || view.Orphan {
		return
	}
	if r, known := p.s.Refusals.Of(view.Pod.UID, p.toward(w.cause)); known && r.Waits(p.s.Now) && !r.Infeasible {
		p.tellRefused(view, r.Words, w.cause.verb())
		return
	}
	p.wishes[view] = w
}

func (p *planner) tellRefused(view *View, words, verb string) {
	p.plan.Rollout.Refused = append(p.plan.Rollout.Refused, RefusedPod{view, verb, words})
}

// deletion is what refused deletions are remembered by, but for those of an update, which go by their revision.
const deletion = "delete"

// toward is what a write for a cause is remembered by when it is refused.
func (p *planner) toward(cause Cause) string {
	if cause == CauseUpdate {
		return p.plan.Revisions.Update
	}
	return deletion
}

// wanted reports whether a Pod is to go.
func (p *planner) goes(view *View) bool { return p.wishes[view].kind == wishDelete }

// soon notes that something is due in some seconds.
func (p *planner) soon(span time.Duration) {
	p.plan.RequeueAfter = report.Soonest(p.plan.RequeueAfter, max(0, span))
}

func (p *planner) block(ordinal int, format string, args ...any) {
	p.plan.Blocked = append(p.plan.Blocked, BlockedOrdinal{Ordinal: ordinal, Why: fmt.Sprintf(format, args...)})
}

// own adopts orphans and lets go of Pods that are no longer the set's.
func (p *planner) own() {
	for _, view := range p.s.Pods {
		if view.Orphan {
			p.plan.Own = append(p.plan.Own, OwnPod{Pod: view.Pod, Adopt: true})
		}
	}
	for _, pod := range p.s.Released {
		p.plan.Own = append(p.plan.Own, OwnPod{Pod: pod})
	}
}

// replaceEnded lets go of Pods that will not run again, but for those that would be recreated on a node that does not
// take them.
func (p *planner) replaceEnded() {
	for i := range p.plan.Layout.members {
		if m := &p.plan.Layout.members[i]; !m.missing() && m.ended() && !p.s.Remedy.Holds(m.Pod) {
			p.want(m.View, wish{wishDelete, CauseEnded, "it has ended, phase " + string(m.Pod.Status.Phase)})
		}
	}
}

// change is how to get from a revision to the update revision in place. A revision that is not recorded any more leads
// nowhere.
func (p *planner) change(from string) revisionChange {
	if known, ok := p.changes[from]; ok {
		return known
	}
	out := revisionChange{}
	if r := p.byName[from]; r == nil || r.Defaulted == nil {
		out.obstacles = []string{fmt.Sprintf("revision %q, which the Pod is at, is no longer recorded", from)}
	} else {
		out.change, out.obstacles = inplace.Difference(r.Defaulted, p.s.Template, p.s.CanResize)
	}
	p.changes[from] = out
	return out
}

// templateOf returns the template that Pods of a revision are made from.
func (p *planner) templateOf(name string) *corev1.PodTemplateSpec {
	if r := p.byName[name]; r != nil && name != p.plan.Revisions.Update {
		return r.Template
	}
	return &p.s.Set.Spec.Template
}
