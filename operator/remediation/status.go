// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// makeResult says what the status of the set is to tell. refused is what the API server said against the last write, ""
// when it took it, and deleted reports whether a Pod was deleted.
func makeResult(s *Snapshot, plan *Plan, refused string, deleted bool) *Result {
	r := &Result{Condition: remediatingCondition(s, plan, refused), Deleted: deleted, RequeueAfter: plan.RequeueAfter}
	if c := plan.failingEverywhere(); c != nil {
		r.AllNodesFailing = failing(plan, c)
	}
	if refused != "" {
		r.RequeueAfter = recheckAfter
		return r // the set's own planner goes on as it would without us
	}
	for _, pod := range plan.Held {
		if r.Held == nil {
			r.Held = map[types.UID]bool{}
		}
		r.Held[pod.UID] = true
	}
	return r
}

// remediatingCondition is there while a Pod is stuck and could be helped, and as long as a node is excluded.
func remediatingCondition(s *Snapshot, plan *Plan, refused string) *metav1.Condition {
	blocked := plan.blocked()
	switch {
	case plan.failingEverywhere() != nil:
		return no(v1beta1.ReasonAllNodesFailing, failing(plan, plan.failingEverywhere()))
	case refused != "" && plan.Delete != nil:
		return no(v1beta1.ReasonCannotExclude, fmt.Sprintf("Pod %s could not be deleted: %s", plan.Delete.Pod.Name, refused))
	case refused != "" && plan.Moving != nil:
		text := fmt.Sprintf("SchedPatch %s could not be written, so no Pod is deleted: %s", s.patchName(), refused)
		return no(v1beta1.ReasonCannotExclude, text)
	case plan.Moving != nil && plan.Moving.Case != nil && plan.Moving.Case.Gate != nil:
		return no(plan.Moving.Case.Gate.reason, plan.Moving.Case.message())
	case plan.Moving != nil:
		return yes(plan.reason(s), moving(s, plan))
	case blocked != nil:
		return no(blocked.Gate.reason, blocked.message()+more(plan, blocked))
	case len(plan.Record.actives(s.Now)) > 0:
		return yes(plan.reason(s), excluded(s, plan)+" No Pod waits for another node.")
	}
	return nil
}

func yes(reason, message string) *metav1.Condition {
	return &metav1.Condition{Status: metav1.ConditionTrue, Reason: reason, Message: message}
}

func no(reason, message string) *metav1.Condition {
	return &metav1.Condition{Status: metav1.ConditionFalse, Reason: reason, Message: message}
}

// blocked is the stuck Pod that is named, of those that a gate keeps: one that a gate of the whole cluster keeps before
// all others, and one that is to stay for good after them; else the first. It is nil when there is none.
func (p *Plan) blocked() *Case {
	var first *Case
	for _, c := range p.Cases {
		switch {
		case c.Gate == nil:
		case c.Gate.wholeCluster:
			return c
		case first == nil, first.Diagnosis.stays() && !c.Diagnosis.stays():
			first = c
		}
	}
	return first
}

// reason is Probing while all that is excluded is so to see whether a Pod starts elsewhere.
func (p *Plan) reason(s *Snapshot) string {
	entries := p.Record.actives(s.Now)
	for _, e := range entries {
		if !e.Probe {
			return v1beta1.ReasonNodeExcluded
		}
	}
	if len(entries) > 0 {
		return v1beta1.ReasonProbing
	}
	return v1beta1.ReasonNodeExcluded
}

// message says of a stuck Pod what it shows, what is at fault and what blocks.
func (c *Case) message() string {
	what := "cannot start"
	if c.Diagnosis == diagnosisApplication {
		what = "is stuck"
	}
	return fmt.Sprintf("Pod %s %s on node %s since %s: %s; %s. It is not replaced, because %s.",
		c.Pod.Name, what, c.Pod.Spec.NodeName, clockTime(c.Evidence.since), c.Evidence.kubeletReason(), c.Why, c.Blocks)
}

// more counts the other stuck Pods, by what keeps them.
func more(plan *Plan, but *Case) string {
	kept := map[string]int{}
	for _, c := range plan.Cases {
		if c != but {
			kept[c.keptBy()]++
		}
	}
	var items []string
	for _, why := range slices.Sorted(maps.Keys(kept)) {
		items = append(items, fmt.Sprintf("%d (%s)", kept[why], why))
	}
	if len(items) == 0 {
		return ""
	}
	return fmt.Sprintf(" Other stuck Pods: %s.", strings.Join(items, ", "))
}

// keptBy names what keeps a stuck Pod: a gate, or what is at fault.
func (c *Case) keptBy() string {
	if c.Gate != nil {
		return c.Gate.reason
	}
	return string(c.Diagnosis)
}

// moving says what is being done, and what is next.
func moving(s *Snapshot, plan *Plan) string {
	m := plan.Moving
	name := s.podName(m.Attempt.Ordinal)
	var text string
	switch {
	case m.Attempt.Node == "":
		text = fmt.Sprintf("Pod %s found no node under an exclusion that is over, and is made anew.", name)
	case m.Case != nil:
		e := m.Case.Evidence
		text = fmt.Sprintf("Pod %s cannot start on node %s since %s: %s; %s.",
			name, m.Attempt.Node, clockTime(e.since), e.kubeletReason(), m.Case.Why)
	default:
		text = fmt.Sprintf("Pod %s was deleted because of node %s.", name, m.Attempt.Node)
	}
	return strings.Join([]string{text, excluded(s, plan), "Next: " + m.Awaits + "." + more(plan, m.Case)}, " ")
}

// excluded names the nodes that are out, and until when.
func excluded(s *Snapshot, plan *Plan) string {
	var items []string
	for _, e := range plan.Record.actives(s.Now) {
		if len(items) == maxNamed {
			items = append(items, "and others")
			break
		}
		items = append(items, fmt.Sprintf("%s until %s", e.Node, clockTime(e.Expires)))
	}
	if len(items) == 0 {
		return "No node is excluded."
	}
	how := "Excluded"
	if !s.required() {
		how = "Last resort"
	}
	return fmt.Sprintf("%s by SchedPatch %s: %s.", how, s.patchName(), strings.Join(items, ", "))
}

// failing says that no node is to blame, and what a person can do.
func failing(plan *Plan, c *Case) string {
	return fmt.Sprintf("Pods of revision %s start on no node, so none is deleted: Pod %s on node %s since %s: %s; %s.%s "+
		"See whether the image exists and the registry answers; once the template is corrected, broken Pods are replaced at once.",
		c.Key.Revision, c.Pod.Name, c.Pod.Spec.NodeName, clockTime(c.Evidence.since), c.Evidence.kubeletReason(), c.Why, more(plan, c))
}
