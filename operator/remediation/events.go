// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Reasons of events on StatefulSets, Pods and Nodes, beside those of the gates.
const (
	eventExcluded = "NodeExcluded"
	eventLifted   = "ExclusionLifted"
	eventReplaced = "StuckPodDeleted"
)

// teller records events. What stands in the way is told once, not in each look.
type teller struct {
	recorder events.EventRecorder
	mu       sync.Mutex
	// told is what was said last of each set's Remediating condition.
	told map[types.NamespacedName]string
}

func newTeller(recorder events.EventRecorder) *teller {
	return &teller{recorder: recorder, told: map[types.NamespacedName]string{}}
}

func (t *teller) say(object runtime.Object, kind, reason, note string) {
	t.recorder.Eventf(object, nil, kind, reason, "Remediate", "%s", shorten(note))
}

// maxNote is how many bytes an event's note, or a condition's message, may have.
const maxNote = 1024

func shorten(note string) string {
	if len(note) <= maxNote {
		return note
	}
	return strings.ToValidUTF8(note[:maxNote-3], "") + "..."
}

// deeds tells of what a plan has done: exclusions and deletions, each on all that it concerns.
func (t *teller) deeds(s *Snapshot, plan *Plan) {
	if d := plan.Delete; d != nil {
		t.say(d.Pod, corev1.EventTypeNormal, eventReplaced, "Deleted: "+d.Reason)
		t.say(s.Set, corev1.EventTypeNormal, eventReplaced, fmt.Sprintf("Deleted Pod %s: %s", d.Pod.Name, d.Reason))
		observeDeletion(d)
	}
	if plan.Write == nil {
		return
	}
	for _, e := range plan.Ended {
		note := fmt.Sprintf("Pods of StatefulSet %s/%s may come to node %s again: %s", s.Set.Namespace, s.Set.Name, e.Node, e.Why)
		t.sayOfNode(s, e.Node, corev1.EventTypeNormal, eventLifted, note)
	}
	for _, e := range plan.Record.actives(s.Now) {
		if s.Record.active(e.Node, s.Now) {
			continue
		}
		note := fmt.Sprintf("Node %s is excluded for StatefulSet %s/%s until %s: %s", e.Node, s.Set.Namespace, s.Set.Name, clockTime(e.Expires), e.Reason)
		t.sayOfNode(s, e.Node, corev1.EventTypeWarning, eventExcluded, note)
	}
}

// sayOfNode tells something of a node on it, and on the set.
func (t *teller) sayOfNode(s *Snapshot, name, kind, reason, note string) {
	t.say(s.Set, kind, reason, note)
	if node := s.Nodes[name]; node != nil {
		// Events of Nodes name them by their UID, as the kubelet's do.
		t.say(&corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{Name: name, UID: node.UID}}, kind, reason, note)
	}
}

// stand tells once why a stuck Pod is not replaced.
func (t *teller) stand(s *Snapshot, plan *Plan, v *Verdict) {
	key := client.ObjectKeyFromObject(s.Set)
	reason := ""
	if v.Condition != nil && v.Condition.Status == metav1.ConditionFalse {
		reason = v.Condition.Reason
	}
	if !t.news(key, s.Set, reason) || reason == "" {
		return
	}
	gateHeld.WithLabelValues(reason).Inc()
	t.say(s.Set, corev1.EventTypeWarning, reason, v.Condition.Message)
	if c := plan.blocked(); c != nil && c.Gate.reason == reason {
		t.say(c.Pod.Pod, corev1.EventTypeWarning, reason, c.told())
	}
}

// news reports whether a reason differs from the one that was told last. After a restart the status says which that
// was.
func (t *teller) news(key types.NamespacedName, set *v1beta1.StatefulSet, reason string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, known := t.told[key]
	if c := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionRemediating); !known && c != nil && c.Status == metav1.ConditionFalse {
		before = c.Reason
	}
	t.told[key] = reason
	return before != reason
}

func (t *teller) forget(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.told, key)
}

// log tells what was done.
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
