// SPDX-License-Identifier: Apache-2.0

package view

import (
	"regexp"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// Health is what a row calls for.
type Health string

const (
	// Fine is as it should be, or rests where somebody told it to.
	Fine Health = "Fine"
	// Working is on its way, or was changed and not looked at yet.
	Working Health = "Working"
	// Wrong needs a person.
	Wrong Health = "Wrong"
)

// Rollout is how an object is, in a row.
type Rollout struct {
	Kind      Kind   `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Status is status.summary, unless the operator has not seen the object as it is now.
	Status string `json:"status"`
	Health Health `json:"health"`
	// Since is since when it has been so.
	Since *metav1.Time `json:"since,omitempty"`
	// Done of Of Pods are through; Of is 0 where nothing is to be counted.
	Done int `json:"done"`
	Of   int `json:"of"`
	// LeftSeconds is about how much longer it takes at the pace so far, 0 where nobody can tell.
	LeftSeconds int `json:"leftSeconds,omitempty"`
	// Message is what Ready says at length.
	Message string `json:"message,omitempty"`
	// Notes are what other conditions say that are not as they should be.
	Notes []Note `json:"notes,omitempty"`
	// Waiting are the Pods that wait for their update.
	Waiting []v1beta1.WaitingPods `json:"waiting,omitempty"`
}

// Note is what a condition says.
type Note struct {
	Condition string `json:"condition"`
	Reason    string `json:"reason"`
	Message   string `json:"message"`
}

// Ref names the row's object.
func (r *Rollout) Ref() Ref { return Ref{r.Kind, r.Name} }

// Rolling reports whether Pods are being brought to another version.
func (r *Rollout) Rolling() bool {
	return r.Health == Working && counted(r.Status) == "Rolling" && r.Of > r.Done
}

// common is what the statuses of all kinds have.
type common struct {
	object     metav1.Object
	kind       Kind
	observed   int64
	summary    string
	since      *metav1.Time
	conditions []metav1.Condition
}

// OfSidecarSet is the row of a SidecarSet.
func OfSidecarSet(set *v1beta1.SidecarSet) *Rollout {
	s := &set.Status
	out := rollout(&common{set, SidecarSet, s.ObservedGeneration, s.Summary, s.SummarySince, s.Conditions})
	out.count(int(s.UpdatedPods), int(s.MatchedPods))
	if out.seen() {
		out.Waiting = s.Waiting
	}
	return out
}

// OfStatefulSet is the row of a StatefulSet.
func OfStatefulSet(set *v1beta1.StatefulSet) *Rollout {
	s := &set.Status
	out := rollout(&common{set, StatefulSet, s.ObservedGeneration, s.Summary, s.SummarySince, s.Conditions})
	out.count(int(s.UpdatedReplicas), int(ptr.Deref(set.Spec.Replicas, 1)))
	return out
}

// OfSchedPatch is the row of a SchedPatch: how many Pods of its target carry it.
func OfSchedPatch(patch *v1alpha1.SchedPatch) *Rollout {
	s := &patch.Status
	out := rollout(&common{patch, SchedPatch, s.ObservedGeneration, s.Summary, s.SummarySince, s.Conditions})
	out.count(int(s.PatchedPods), int(s.MatchedPods))
	return out
}

const (
	// unseen is said of an object that the operator has never looked at, changed of one that it has not looked at since
	// its last change.
	unseen  = "NotSeenYet"
	changed = "ChangeNotSeenYet"
)

func (r *Rollout) seen() bool { return r.Status != unseen && r.Status != changed }

func rollout(c *common) *Rollout {
	out := &Rollout{Kind: c.kind, Namespace: c.object.GetNamespace(), Name: c.object.GetName()}
	ready := meta.FindStatusCondition(c.conditions, v1beta1.ConditionReady)
	switch {
	case c.observed <= 0 || ready == nil:
		out.Status, out.Health = unseen, Working
		out.Message = "The operator has not looked at it yet. Should that last: kubectl get pods -A -l app.kubernetes.io/name=windlass"
		return out
	case c.observed != c.object.GetGeneration():
		out.Status, out.Health = changed, Working
		out.Message = "The operator has not looked at the last change yet; before, it was " + c.summary + "."
		return out
	}
	out.Status, out.Since, out.Message = c.summary, c.since, ready.Message
	if out.Status == "" { // an operator of an earlier release writes none
		out.Status = ready.Reason
	}
	out.Health, out.Notes = health(c.conditions), notes(c.conditions)
	return out
}

// health is what kstatus makes of the conditions, and Wrong where Pods that should have the sidecars have none.
func health(conditions []metav1.Condition) Health {
	switch {
	case meta.IsStatusConditionTrue(conditions, v1beta1.ConditionStalled):
		return Wrong
	case meta.IsStatusConditionTrue(conditions, v1beta1.ConditionReconciling):
		return Working
	case !meta.IsStatusConditionTrue(conditions, v1beta1.ConditionReady),
		meta.IsStatusConditionFalse(conditions, v1beta1.ConditionInjected):
		return Wrong
	}
	return Fine
}

// notes are the conditions beside Ready that are not as they should be.
func notes(conditions []metav1.Condition) []Note {
	var out []Note
	for _, c := range conditions {
		wanted := metav1.ConditionFalse // of an abnormal-true one
		switch c.Type {
		case v1beta1.ConditionReady, v1beta1.ConditionReconciling, v1beta1.ConditionProgressing, v1beta1.ConditionExpired:
			continue
		case v1beta1.ConditionInjected, v1beta1.ConditionAvailable:
			wanted = metav1.ConditionTrue
		case v1beta1.ConditionRemediating: // False says that a stuck Pod has to stay
			wanted = ""
		}
		if c.Status != wanted {
			out = append(out, Note{c.Type, c.Reason, c.Message})
		}
	}
	return out
}

// counting are the summaries that count by themselves.
var counting = regexp.MustCompile(`^([A-Za-z]+) (\d+)/(\d+)`)

// counted is the word of a summary that counts, "" of another one.
func counted(summary string) string {
	if found := counting.FindStringSubmatch(summary); found != nil {
		return found[1]
	}
	return ""
}

// count takes the figures of the summary and, where it has none, these.
func (r *Rollout) count(done, of int) {
	if found := counting.FindStringSubmatch(r.Status); found != nil {
		done, _ = strconv.Atoi(found[2])
		of, _ = strconv.Atoi(found[3])
	}
	if r.seen() {
		r.Done, r.Of = done, of
	}
}

// fewestTimes is how many Pods there must be to speak of a pace.
const fewestTimes = 2

// Estimate says about how much longer a rollout takes, from when Pods got the version that it goes to: the pace is that
// since it has been rolling without interruption.
func (r *Rollout) Estimate(now time.Time, written []time.Time) {
	if !r.Rolling() || r.Since == nil {
		return
	}
	n := 0
	for _, at := range written {
		if !at.Before(r.Since.Time) && !at.After(now) {
			n++
		}
	}
	elapsed := now.Sub(r.Since.Time)
	if n < fewestTimes || elapsed <= 0 {
		return
	}
	left := elapsed / time.Duration(n) * time.Duration(r.Of-r.Done)
	r.LeftSeconds = int(left.Round(time.Second).Seconds())
}

// Waits says in a line what Pods wait for.
func Waits(w v1beta1.WaitingPods) string {
	if w.Pods == 1 {
		return w.Reason + ": Pod " + w.First
	}
	return w.Reason + ": " + report.Pods(int(w.Pods)) + ", " + w.First + " the first"
}
