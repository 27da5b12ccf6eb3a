// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"cmp"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Plan is what to do for one set now, and all that its status has to tell. What is to be written comes first; the
// deletion follows from a later plan, made when that is stored.
type Plan struct {
	// Ledger is the operator's own as it is to be, nil when the stored one is right. It is written before the
	// SchedPatch.
	Ledger *Ledger
	// Write is the SchedPatch as it is to be, nil when the stored one is right.
	Write *v1alpha1.SchedPatch
	// Remove reports whether nothing is left to be remembered by the stored one.
	Remove bool
	// Ask reports whether the webhooks have to be asked before anything can be deleted.
	Ask bool
	// Delete is the Pod to delete now: recorded, and served by every webhook.
	Delete *Deletion

	// Record is what the SchedPatch records after Write.
	Record Record
	// Ended says of every exclusion that ends with this plan why.
	Ended []Ending
	// Cases are the stuck Pods, by ordinal.
	Cases []*Case
	// Moving is the attempt that is under way, nil for none.
	Moving *Moving
	// Held and RequeueAfter are as in Result.
	Held         []*Pod
	RequeueAfter time.Duration
}

// idle reports whether the plan is to write nothing. Asking the webhooks comes before this is of interest.
func (p *Plan) idle() bool {
	return p.Ledger == nil && p.Write == nil && !p.Remove && p.Delete == nil
}

// Case is a stuck Pod and what is to become of it.
type Case struct {
	Pod       *Pod
	Evidence  *evidence
	Key       Key
	Diagnosis diagnosis
	// Why the diagnosis is so, as a clause.
	Why string
	// Gate is the first gate that holds, nil when none does, and Blocks what it says. Gates are only asked where a
	// diagnosis calls for a deletion.
	Gate   *gate
	Blocks string
	// OpensIn is in how long the gate opens by itself, 0 when nobody knows.
	OpensIn time.Duration
}

// Moving is the attempt under way: a Pod about to be deleted, or gone and not yet replaced by one that starts.
type Moving struct {
	Attempt Attempt
	// Pod is there as long as its deletion is still to be asked for, nil afterwards. Case is that of a stuck one.
	Pod  *Pod
	Case *Case
	// Awaits says what is to come next, as a clause.
	Awaits string
}

// Deletion is a Pod to delete.
type Deletion struct {
	// Pod as it was last seen on the API server. It is deleted only if it is still exactly so.
	Pod *corev1.Pod
	// Node is the excluded one, "" when the Pod carries an exclusion that is over.
	Node string
	// Diagnosis is what led to it.
	Diagnosis diagnosis
	// Reason says why, for people.
	Reason string
}

// String renders the deletion for logs.
func (d *Deletion) String() string {
	return fmt.Sprintf("delete Pod %s: %s", d.Pod.Name, d.Reason)
}

// Ending is an exclusion that ends before its time.
type Ending struct {
	Node, Why string
}

// String renders the ending for logs.
func (e Ending) String() string {
	return fmt.Sprintf("lift the exclusion of node %s: %s", e.Node, e.Why)
}

// planner makes one plan.
type planner struct {
	s        *Snapshot
	settings v1beta1.AutoRemediation
	plan     *Plan
	record   *Record
	// seen is what each Pod of the set shows, by its place among them.
	seen []evidence
	// entries are what the ledger does not have yet.
	entries entries
	// lists are the eligible nodes of Pods, and alike those of all Pods that ask for no more than some labels of a node.
	lists map[*Pod]*candidates
	alike []selected
	// usableNodes are the Nodes that are Ready and take new Pods, by name, and hostnames how many Nodes have a hostname; nil
	// before somebody has asked.
	usableNodes []*corev1.Node
	hostnames   map[string]int
	// starts are what is known of starts by key, and failing what is known of stuck Pods, nil unless cases are being found.
	// In an outage all Pods are cases of few keys.
	starts  map[Key]*starters
	failing map[Key]*failers
}

// newPlanner returns a planner that has looked at the Pods, and decided nothing yet.
func newPlanner(s *Snapshot) *planner {
	record := s.Record.copied()
	p := &planner{
		s: s, settings: s.settings(), plan: &Plan{}, record: &record, lists: map[*Pod]*candidates{}, starts: map[Key]*starters{},
		seen: make([]evidence, len(s.Pods)),
	}
	for i := range s.Pods {
		p.seen[i] = classify(&s.Pods[i])
	}
	return p
}

// decide decides what to do now.
func decide(s *Snapshot) *Plan {
	p := newPlanner(s)
	if !s.enabled() {
		p.plan.Remove = s.Patch != nil
		return p.plan
	}
	p.endExclusions()
	p.findCases()
	p.settleProbes()
	p.closeAttempts()
	p.noteRefusal()
	p.askGates()
	if s.Obstacle == "" { // otherwise nothing that is decided here could be recorded
		p.act()
		p.hold()
		p.render()
		p.book()
	}
	p.plan.Record = *p.record
	p.schedule()
	return p.plan
}

// act goes on with what is under way, or begins something new.
func (p *planner) act() {
	p.lift()
	if p.plan.Moving = p.underway(); p.plan.Moving != nil {
		p.proceed(p.plan.Moving)
		return
	}
	if p.recreate() {
		return
	}
	for _, c := range p.plan.Cases {
		if c.Diagnosis.deletes() && c.Gate == nil {
			p.begin(c)
			return
		}
	}
}

// begin records that a node is excluded and a Pod is about to be deleted.
func (p *planner) begin(c *Case) {
	p.record.exclude(p.exclusion(c))
	attempt := Attempt{
		Ordinal: c.Pod.Ordinal, Revision: c.Pod.Revision, Deletes: p.deletes(c.Pod) + 1,
		Last: p.s.now(), Pod: c.Pod.UID, Node: c.Pod.Spec.NodeName,
	}
	p.record.begin(attempt)
	p.enter(attempt.Pod, attempt.Node)
	p.plan.Moving = &Moving{Attempt: attempt, Pod: c.Pod, Case: c, Awaits: "the exclusion to be recorded"}
}

// exclusion is the entry of a stuck Pod's node. It lasts twice as long as the last time, up to a day; one that proves
// nothing yet lasts 10 minutes.
func (p *planner) exclusion(c *Case) Exclusion {
	node := p.s.Nodes[c.Pod.Spec.NodeName]
	e := Exclusion{
		Node: node.Name, UID: node.UID, BootID: node.Status.NodeInfo.BootID, Hostname: p.hostname(node),
		Key: c.Key, Reason: c.Evidence.kubeletReason(), FirstSeen: p.s.now(), Strikes: 1, Probe: c.Diagnosis == diagnosisProbe,
	}
	lasts := probeTime
	old := p.record.exclusion(node.Name)
	if old != nil && old.ActiveAt(p.s.Now) {
		e = *old // the node is out already; this Pod came there before
		e.Key, e.Reason = c.Key, c.Evidence.kubeletReason()
		return e
	}
	if old != nil && old.UID == node.UID {
		e.Strikes = old.Strikes + 1
	}
	if !e.Probe {
		lasts = p.exclusionTime(e.Strikes)
	}
	e.Expires = later(p.s.Now, lasts)
	return e
}

const (
	// probeTime is how long a node is excluded that may not be at fault.
	probeTime = 10 * time.Minute
	// longestExclusion is how long any node is excluded at most.
	longestExclusion = 24 * time.Hour
)

// schedule says when to look again though nothing happens: when a Pod will have waited for long enough, a gate opens,
// or an exclusion ends.
func (p *planner) schedule() {
	if p.plan.Ledger != nil || p.plan.Write != nil || p.plan.Remove || p.plan.Delete != nil || p.plan.Ask {
		return // the next look follows at once
	}
	p.schedulePods()
	for _, c := range p.plan.Cases {
		p.soon(min(recheckAfter, cmp.Or(c.OpensIn, recheckAfter)))
	}
	for _, e := range p.record.actives(p.s.Now) {
		p.soon(min(recheckAfter, e.Expires.Sub(p.s.Now)+time.Second))
	}
	if m := p.plan.Moving; m != nil && m.Pod != nil {
		p.soon(min(recheckAfter, p.age(&m.Attempt)/4)) // often at first, then less so
	}
	if !p.record.Empty() {
		p.soon(time.Hour) // what is to be forgotten has time
	}
}

// schedulePods says when Pods that wait will have waited for long enough.
func (p *planner) schedulePods() {
	for i := range p.s.Pods {
		pod, e := &p.s.Pods[i], &p.seen[i]
		switch {
		case !pod.Right || pod.Changing: // the rollout sees to it
		case e.waits() && !p.stuck(i):
			p.soon(p.patience(pod, e) - p.waited(e) + time.Second)
		case e.kind == unscheduled && marked(pod.Pod, p.s.patchName()) && p.waited(e) <= unschedulableTime:
			p.soon(unschedulableTime - p.waited(e) + time.Second)
		case e.kind == unscheduled && marked(pod.Pod, p.s.patchName()):
			p.soon(recheckAfter)
		}
	}
}

// recheckAfter is how often Nodes and webhooks are looked at while it matters.
const recheckAfter = 30 * time.Second

// soon sees to it that there is another look after some time, of at least a second, if not before.
func (p *planner) soon(after time.Duration) {
	if after = max(after, time.Second); p.plan.RequeueAfter == 0 || after < p.plan.RequeueAfter {
		p.plan.RequeueAfter = after
	}
}

// exclusionTime is how long a node is excluded, which doubles with each further time.
func (p *planner) exclusionTime(strikes int) time.Duration {
	return doubled(seconds(p.settings.ExclusionSeconds), strikes, longestExclusion)
}

// doubled is a span that doubles with each time after the first, up to the longest.
func doubled(first time.Duration, times int, longest time.Duration) time.Duration {
	for range min(times, 16) - 1 {
		first *= 2
	}
	return min(first, longest)
}

// seconds is a span as the API has it.
func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

// settings are those of the set, with what is left out filled in.
func (s *Snapshot) settings() v1beta1.AutoRemediation {
	out := v1beta1.AutoRemediation{}
	if s.Set.Spec.AutoRemediation != nil {
		out = *s.Set.Spec.AutoRemediation
	}
	if out.StuckSeconds == 0 {
		out.StuckSeconds = 300
	}
	if out.ExclusionSeconds == 0 {
		out.ExclusionSeconds = 3600
	}
	if out.RetryLimit == nil {
		limit := int32(3)
		out.RetryLimit = &limit
	}
	return out
}

// deletes is how often the Pod of an ordinal was deleted at its revision.
func (p *planner) deletes(pod *Pod) int {
	if a := p.record.attempt(pod.Ordinal, pod.Revision); a != nil {
		return a.Deletes
	}
	return 0
}
