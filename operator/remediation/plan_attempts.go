// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"slices"
	"time"

	"github.com/windlass-operator/windlass/internal/pods"
)

// closeAttempts ends the attempts that have come to something, or to nothing.
func (p *planner) closeAttempts() {
	for i := range p.record.Attempts {
		a := &p.record.Attempts[i]
		if a.Pod == "" {
			continue
		}
		pod := p.podOf(a)
		switch {
		case pod == nil && p.replaced(a):
			p.succeed(a)
		case pod != nil && pod.DeletionTimestamp == nil && p.void(a, pod):
			p.takeBack(a)
		}
	}
	p.record.Attempts = slices.DeleteFunc(p.record.Attempts, func(a Attempt) bool { return a.Pod == "" && p.forgettable(&a) })
}

// succeed ends an attempt whose Pod has gone.
func (p *planner) succeed(a *Attempt) {
	a.end()
	if e := p.record.exclusion(a.Node); e != nil {
		e.Deleted = true
	}
}

// takeBack ends an attempt that has not come to the deletion of its Pod. That deletion does not count, and neither does
// an exclusion that has ended without any.
func (p *planner) takeBack(a *Attempt) {
	a.end()
	if a.Node == "" {
		return
	}
	a.Deletes = max(0, a.Deletes-1)
	if e := p.record.exclusion(a.Node); e != nil && !e.Deleted && !e.ActiveAt(p.s.Now) {
		e.Strikes = max(0, e.Strikes-1)
	}
}

// podOf returns the Pod that an attempt is to delete, nil when it is gone.
func (p *planner) podOf(a *Attempt) *Pod {
	for i := range p.s.Pods {
		if p.s.Pods[i].UID == a.Pod {
			return &p.s.Pods[i]
		}
	}
	return nil
}

// void reports whether a Pod that was about to be deleted is not to be any more: it has started, is stuck for another
// reason, or the node is no longer out.
func (p *planner) void(a *Attempt, pod *Pod) bool {
	if a.Revision != pod.Revision || !pod.Right || pod.Changing {
		return true
	}
	if a.Node == "" {
		return p.outdated(pod) == "" || classify(pod).kind != unscheduled
	}
	c := p.caseOf(pod)
	return c == nil || c.Diagnosis.stays() || c.Diagnosis == diagnosisGlobal || c.Diagnosis == diagnosisNone ||
		!p.record.active(a.Node, p.s.Now)
}

// replaced reports whether nothing more is to come of an attempt whose Pod is gone: the new one serves, is stuck again,
// cannot be helped by another node, finds no node under a rule that is over and so has to be recreated itself, or there
// is not to be one.
func (p *planner) replaced(a *Attempt) bool {
	if !slices.Contains(p.s.Ordinals, a.Ordinal) || !p.s.valid(a.Revision) {
		return true
	}
	for i := range p.s.Pods {
		pod := &p.s.Pods[i]
		if pod.Ordinal != a.Ordinal {
			continue
		}
		return pod.Revision != a.Revision || pod.Ready || p.stuck(i) || hopeless(pod, &p.seen[i]) || p.unschedulable(i) && p.outdated(pod) != ""
	}
	return false
}

// hopeless reports whether a Pod cannot run for a reason that is not the node's.
func hopeless(pod *Pod, e *evidence) bool {
	if e.kind == badTemplate || e.kind == hasEnded || e.kind == sidecarFailing {
		return true
	}
	if e.kind != hasStarted {
		return false
	}
	for status := range pods.Statuses(pod.Pod) {
		if status.State.Waiting != nil && status.State.Waiting.Reason == "CrashLoopBackOff" {
			return true
		}
	}
	return false
}

// readyToForget is for how long the Pod of an ordinal must have been ready before its attempts are forgotten.
const readyToForget = time.Hour

// forgettable reports whether an attempt that is over counts for nothing any more.
func (p *planner) forgettable(a *Attempt) bool {
	if p.age(a) <= rateWindow {
		return false // it still counts against the operator's pace
	}
	if a.Deletes == 0 || !p.s.valid(a.Revision) || !slices.Contains(p.s.Ordinals, a.Ordinal) {
		return true
	}
	pod := p.s.at(a.Ordinal)
	if pod == nil || !pod.Ready || pod.Revision != a.Revision {
		return false
	}
	c := pods.Condition(pod.Pod, "Ready")
	return c != nil && p.s.Now.Sub(c.LastTransitionTime.Time) >= readyToForget
}

// age is how long ago an attempt was begun.
func (p *planner) age(a *Attempt) time.Duration { return p.s.Now.Sub(a.Last.Time) }

// underway returns the attempt that is not over, nil when there is none.
func (p *planner) underway() *Moving {
	for i := range p.record.Attempts {
		a := &p.record.Attempts[i]
		if a.Pod == "" {
			continue
		}
		m := &Moving{Attempt: *a}
		switch pod := p.podOf(a); {
		case pod == nil:
			m.Awaits = p.awaited(a)
		case pod.DeletionTimestamp != nil:
			m.Awaits = fmt.Sprintf("Pod %s to be gone", pod.Name)
		default:
			m.Pod, m.Case = pod, p.caseOf(pod)
		}
		return m
	}
	return nil
}

// awaited says what the replacement of a deleted Pod waits for.
func (p *planner) awaited(a *Attempt) string {
	name := p.s.podName(a.Ordinal)
	for i := range p.s.Pods {
		if pod := &p.s.Pods[i]; pod.Ordinal == a.Ordinal {
			return fmt.Sprintf("the new Pod %s to be ready (%s)", name, describe(pod, &p.seen[i]))
		}
	}
	return fmt.Sprintf("the new Pod %s to be made", name)
}

// describe says in a few words what a Pod shows.
func describe(pod *Pod, e *evidence) string {
	switch e.kind {
	case hasStarted:
		return "it has started on node " + pod.Spec.NodeName
	case unscheduled:
		return "it has no node yet"
	case slowPull:
		return "node " + pod.Spec.NodeName + " pulls its image"
	case ambiguous, sidecarFailing:
		return "on node " + pod.Spec.NodeName + ": " + e.kubeletReason()
	}
	return "on node " + pod.Spec.NodeName
}

// renewAfter is how old an attempt may be when its Pod is deleted. One that had to wait for longer counts again
// against the operator's pace.
const renewAfter = 5 * time.Second

// proceed takes the next step towards the deletion of a Pod. What was recorded earlier is asked about again: every gate
// may have closed since.
func (p *planner) proceed(m *Moving) {
	switch {
	case m.Pod == nil:
		return
	case m.Case != nil && m.Case.Gate != nil:
		m.Awaits = "the gate " + m.Case.Gate.reason + " to open"
		return
	case m.Case != nil && !m.Case.Diagnosis.deletes():
		m.Awaits = m.Case.Why
		return
	case m.Case == nil && p.forbidden(m.Pod) != "":
		m.Awaits = "a gate to open, because " + p.forbidden(m.Pod)
		return
	}
	if !p.s.asked() {
		p.plan.Ask = true
		m.Awaits = "the webhooks to serve it"
		return
	}
	if p.s.Served.Missing != "" {
		m.Awaits = "every webhook to serve it: " + p.s.Served.Missing
		return
	}
	if p.age(&m.Attempt) > renewAfter || !p.entered(&m.Attempt) {
		p.record.attempt(m.Attempt.Ordinal, m.Attempt.Revision).Last = p.s.now()
		p.enter(m.Attempt.Pod, m.Attempt.Node)
		m.Awaits = "this to be recorded"
		return
	}
	m.Awaits = fmt.Sprintf("Pod %s to be gone", m.Pod.Name)
	p.plan.Delete = p.deletion(m)
}

// deletion is of the Pod as the API server has it.
func (p *planner) deletion(m *Moving) *Deletion {
	d := &Deletion{Pod: m.Pod.Pod, Node: m.Attempt.Node}
	if m.Case == nil {
		d.Diagnosis = diagnosisNone
		d.Reason = fmt.Sprintf("it finds no node and still carries the exclusion of node %s, which is over", p.outdated(m.Pod))
		return d
	}
	d.Diagnosis = m.Case.Diagnosis
	d.Reason = fmt.Sprintf("it cannot start on node %s (%s), and %s", m.Attempt.Node, m.Case.Evidence.kubeletReason(), m.Case.Why)
	return d
}
