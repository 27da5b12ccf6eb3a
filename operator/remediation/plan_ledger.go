// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// entries are what a plan has to enter in the ledger.
type entries struct {
	// begun are the Pods about to be deleted, and excluded the nodes that this plan excludes, or excludes for longer.
	begun    []types.UID
	excluded []string
}

// enter notes that a Pod is about to be deleted because of a node, if of any.
func (p *planner) enter(pod types.UID, node string) {
	p.entries.begun = append(p.entries.begun, pod)
	if node != "" {
		p.entries.excluded = append(p.entries.excluded, node)
	}
}

// entered reports whether the ledger has an attempt that was begun just now. What the record says of it does not
// suffice.
func (p *planner) entered(a *Attempt) bool {
	account := p.s.Ledger.Sets[p.s.key()]
	if at, known := account.Begun[a.Pod]; !known || p.s.Now.Sub(at.Time) > renewAfter {
		return false
	}
	until := account.Excluded[a.Node]
	return a.Node == "" || until.After(p.s.Now)
}

// book brings the ledger to what this plan does, and ends in it the exclusions that the record of their set has no
// more. Every write also forgets what is over, for which alone nothing is written.
func (p *planner) book() {
	ledger := p.s.Ledger.copied()
	p.endOrphans(ledger)
	account := ledger.account(p.s.key())
	for node := range account.Excluded {
		if !p.record.active(node, p.s.Now) {
			account.end(node, p.s.Now)
		}
	}
	for _, node := range p.entries.excluded {
		if e := p.record.exclusion(node); e != nil && e.ActiveAt(p.s.Now) {
			account.Excluded[node] = p.noLonger(e.Expires)
		}
	}
	for _, pod := range p.entries.begun {
		account.Begun[pod] = p.s.now()
	}
	if len(account.Excluded)+len(account.Begun) == 0 {
		delete(ledger.Sets, p.s.key())
	}
	if ledger.String() == p.s.Ledger.String() {
		return
	}
	ledger.prune(p.s.Now)
	p.plan.Ledger = &ledger
	p.plan.Ask, p.plan.Delete = false, nil // only what is stored counts
}

// endOrphans ends the exclusions of sets whose SchedPatch somebody deleted, as when a person lifts one, and forgets
// those of sets that are gone, and all their Pods with them. When their deletions were begun stays.
func (p *planner) endOrphans(ledger Ledger) {
	for _, key := range ledger.keys() {
		switch account := ledger.Sets[key]; {
		case key == p.s.key():
		case p.s.Gone[key]:
			clear(account.Excluded)
		case p.s.Unpatched[key]:
			for node := range account.Excluded {
				account.end(node, p.s.Now)
			}
		}
	}
}

// noLonger cuts the end of an exclusion to the longest that there is: a record may say anything.
func (p *planner) noLonger(until metav1.Time) metav1.Time {
	if most := later(p.s.Now, longestExclusion); most.Before(&until) {
		return most
	}
	return until
}

// key is that of the set's account.
func (s *Snapshot) key() string { return s.Set.Namespace + "/" + s.Set.Name }
