// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// Reasons of events on StatefulSets, Pods and Nodes, beside those of the gates.
const (
	eventExcluded = "NodeExcluded"
	eventLifted   = "ExclusionLifted"
	eventReplaced = "StuckPodDeleted"
)

// action is that of all events.
const action = "Remediate"

// recorder records events and counts them. Why a stuck Pod is not replaced is said once, and not in each look.
type recorder struct {
	events *report.Recorder
	// reasons are why stuck Pods were not replaced when that was looked at last; "" for none.
	reasons *report.Latest
}

func newRecorder(to events.EventRecorder) *recorder {
	return &recorder{events: report.NewRecorder(to), reasons: report.NewLatest()}
}

// done records what a plan has done.
func (r *recorder) done(s *Snapshot, plan *Plan) {
	if plan.Delete != nil {
		observeDeletion(plan.Delete)
	}
	r.events.Record(s.Set, s.Now, eventsOf(s, plan)...)
}

// held records why stuck Pods are not replaced, when that begins.
func (r *recorder) held(s *Snapshot, plan *Plan, result *Result) {
	reason := ""
	if c := result.Condition; c != nil && c.Status == metav1.ConditionFalse {
		reason = c.Reason
	}
	if !r.begins(s.Set, reason) || reason == "" {
		return
	}
	gateHeld.WithLabelValues(reason).Inc()
	r.events.Record(s.Set, s.Now, eventsOfGate(plan, result.Condition)...)
}

// begins reports whether a reason differs from the last one of its set. After a restart the status says which that was.
func (r *recorder) begins(set *v1beta1.StatefulSet, reason string) bool {
	before := ""
	if c := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionRemediating); c != nil && c.Status == metav1.ConditionFalse {
		before = c.Reason
	}
	return r.reasons.News(client.ObjectKeyFromObject(set), reason, before)
}

func (r *recorder) forget(set types.NamespacedName) {
	r.events.Forget(set)
	r.reasons.Forget(set)
}

// eventsOf are those of a plan that was carried out: exclusions and deletions, each on all that it concerns.
func eventsOf(s *Snapshot, plan *Plan) []report.Event {
	var out []report.Event
	if d := plan.Delete; d != nil {
		onPod := report.Normal(eventReplaced, action, "Deleted: "+d.Reason)
		onPod.About = d.Pod
		out = append(out, onPod, report.Normal(eventReplaced, action, fmt.Sprintf("Deleted Pod %s: %s", d.Pod.Name, d.Reason)))
	}
	if plan.Write == nil {
		return out
	}
	for _, e := range plan.Ended {
		note := fmt.Sprintf("Pods of StatefulSet %s may come to node %s again: %s", s.key(), e.Node, e.Why)
		out = append(out, onNode(s, e.Node, report.Normal(eventLifted, action, note))...)
	}
	for _, e := range plan.Record.actives(s.Now) {
		if s.Record.active(e.Node, s.Now) {
			continue
		}
		note := fmt.Sprintf("Node %s is excluded for StatefulSet %s until %s: %s", e.Node, s.key(), clockTime(e.Expires), e.Reason)
		out = append(out, onNode(s, e.Node, report.Warning(eventExcluded, action, note))...)
	}
	return out
}

// eventsOfGate say why no stuck Pod is replaced: on the set, and on the Pod that the condition names.
func eventsOfGate(plan *Plan, condition *metav1.Condition) []report.Event {
	out := []report.Event{report.Warning(condition.Reason, action, condition.Message)}
	if c := plan.blocked(); c != nil && c.Gate.reason == condition.Reason {
		onPod := report.Warning(condition.Reason, action, c.message())
		onPod.About, onPod.Topic = c.Pod.Pod, "on Pod "+c.Pod.Name+": "+onPod.Note
		out = append(out, onPod)
	}
	return out
}

// onNode are an event on the set, and the same on a node if that is still there.
func onNode(s *Snapshot, name string, e report.Event) []report.Event {
	node := s.Nodes[name]
	if node == nil {
		return []report.Event{e}
	}
	onNode := e
	onNode.Topic = "on node " + name + ": " + e.Note
	// Events of Nodes name them by their UID, as the kubelet's do.
	onNode.About = &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{Name: name, UID: node.UID},
	}
	return []report.Event{e, onNode}
}

// log says what was done.
func (p *Plan) log(log logr.Logger, s *Snapshot) {
	for _, e := range p.Ended {
		if p.Write != nil {
			log.Info(e.String())
		}
	}
	if p.Delete != nil {
		log.Info(p.Delete.String())
	}
	if p.Write != nil {
		log.Info("SchedPatch "+s.patchName()+" is written", "record", p.Record.String())
	}
	if p.Remove {
		log.Info("SchedPatch " + s.patchName() + " is deleted: there is nothing left to remember")
	}
}
