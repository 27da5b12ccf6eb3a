// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// maxMessage is how many bytes the message of a condition, or of an event, has at most.
const maxMessage = 1024

// maxNamedPods is how many Pods a condition's message names.
const maxNamedPods = 5

// teller puts a message together, sentence by sentence. Over all of them it names maxNamedPods Pods, and counts the
// others.
type teller struct {
	sentences []string
	left      int
}

func newTeller() *teller { return &teller{left: maxNamedPods} }

func (t *teller) String() string { return strings.Join(t.sentences, " ") }

func (t *teller) say(format string, args ...any) {
	t.sentences = append(t.sentences, fmt.Sprintf(format, args...))
}

// list says something of count Pods, unless there are none. item is the name of one of them, and what is to be said of
// it; it is asked for no more than are named.
func (t *teller) list(intro string, count int, item func(i int) string) {
	t.listBy(", ", intro, count, item)
}

func (t *teller) listBy(separator, intro string, count int, item func(i int) string) {
	items := make([]string, min(count, max(0, t.left)))
	t.left -= len(items)
	for i := range items {
		items[i] = item(i)
	}
	switch {
	case count == 0:
	case len(items) == 0:
		t.say("%s: %s.", intro, podCount(count))
	case len(items) < count:
		t.say("%s: %s and %d more.", intro, strings.Join(items, separator), count-len(items))
	default:
		t.say("%s: %s.", intro, strings.Join(items, separator))
	}
}

// next says how far the set is and what it waits for, what blocks first.
func (p *progress) next() string {
	t := p.waits()
	if p.rolling() && p.status.CurrentRevision != p.status.UpdateRevision && p.s.replicas() > p.s.partition() {
		t.sentences = append([]string{p.extent()}, t.sentences...)
	}
	return t.String()
}

// waits tells of all that the set waits for, what blocks first: one sentence at least.
func (p *progress) waits() *teller {
	t := newTeller()
	t.refused(p)
	t.impossible(p)
	t.blocked(p)
	t.pods(p)
	t.later(p)
	if len(t.sentences) == 0 {
		t.say("Pods changed while they were looked at; looking again.")
	}
	return t
}

// first is what the set waits for first, in one sentence.
func (p *progress) first() string { return p.waits().sentences[0] }

// extent says how far the rollout is.
func (p *progress) extent() string {
	wanted := max(0, p.s.replicas()-p.s.partition())
	return fmt.Sprintf("Update to revision %s: %d of %s done.", p.status.UpdateRevision, min(int(p.status.UpdatedAvailableReplicas), wanted), podCount(wanted))
}

func (t *teller) refused(p *progress) {
	if errs := append(p.refusedChanges(), p.outcome.CreateErrors...); len(errs) > 0 {
		t.sentences = append(t.sentences, refusals(errs))
		t.left--
	}
}

// impossible says what cannot be done in place, and which claims cannot grow.
func (t *teller) impossible(p *progress) {
	if r := &p.plan.Rollout; len(r.Impossible) > 0 {
		t.left--
		t.say("%s.", impossible(r))
	}
	if r := &p.plan.Rollout; len(r.Unexpandable) > 0 {
		t.say("%s.", unexpandable(r))
	}
}

func impossible(r *Rollout) string {
	return fmt.Sprintf("podUpdatePolicy InPlaceOnly forbids to update %s: this cannot change in a running Pod: %s",
		some("Pod", podsOf(r.Impossible, ImpossiblePod.name)), strings.Join(r.Impossible[0].Why, ", "))
}

func unexpandable(r *Rollout) string {
	return fmt.Sprintf("Claims that cannot grow: %d, the first: %s", len(r.Unexpandable), r.Unexpandable[0])
}

// blocked tells of ordinals that are not only a matter of time.
func (t *teller) blocked(p *progress) {
	for i := range p.plan.Blocked {
		if b := &p.plan.Blocked[i]; !b.Waits {
			t.left--
			t.say("%s.", b.Why)
			return
		}
	}
}

// pods tells of every Pod that does not serve, those first that will not do so by themselves.
func (t *teller) pods(p *progress) {
	var broken, hooked, starting, leaving []*View
	for _, view := range p.unavailable {
		switch now := p.now[view]; {
		case awaitedHook(p.s.Set, view.Pod, now.state) != "":
			hooked = append(hooked, view)
		case view.Broken != "" && !now.changed:
			broken = append(broken, view)
		default:
			starting = append(starting, view)
		}
	}
	for _, view := range slices.Concat(p.condemned, p.leaving) {
		if now := p.now[view]; !now.leaving && awaitedHook(p.s.Set, view.Pod, now.state) != "" {
			hooked = append(hooked, view)
		} else {
			leaving = append(leaving, view)
		}
	}
	t.broken(broken)
	t.views("Waiting for lifecycle hooks", hooked, func(view *View) string { return awaitedHook(p.s.Set, view.Pod, p.now[view].state) })
	t.views("Waiting for Pods to go", leaving, func(view *View) string { return view.Going })
	t.list("Waiting for Pods to be available", len(starting)+len(p.created), func(i int) string {
		if i < len(starting) {
			return fmt.Sprintf("%s (%s)", starting[i].Pod.Name, p.why(starting[i]))
		}
		return p.created[i-len(starting)] + " (just created)"
	})
	t.list("Waiting for the claims of Pods to grow", len(p.plan.Rollout.Growing), func(i int) string { return p.plan.Rollout.Growing[i] })
}

// broken lists the Pods that will not run unless something changes, with what the kubelet or the scheduler says of
// each.
func (t *teller) broken(views []*View) {
	t.listBy("; ", "Cannot run", len(views), func(i int) string { return views[i].Pod.Name + ": " + pods.Trouble(views[i].Pod) })
}

// views lists Pods with a word on each, if there is one to say.
func (t *teller) views(intro string, views []*View, word func(*View) string) {
	t.list(intro, len(views), func(i int) string {
		if said := word(views[i]); said != "" {
			return fmt.Sprintf("%s (%s)", views[i].Pod.Name, said)
		}
		return views[i].Pod.Name
	})
}

// later says what follows.
func (t *teller) later(p *progress) {
	r := &p.plan.Rollout
	if n := len(p.missing); n > 0 {
		t.say("Still to be created: %s.", podCount(n))
	}
	switch n := len(r.Waiting); {
	case n == 0:
	case r.Hold == HoldPaused:
		t.say("The update is paused; %s not at revision %s.", are(n), p.status.UpdateRevision)
	case r.Hold == HoldOnDelete:
		t.say("With updateStrategy OnDelete %s left at an earlier revision.", are(n))
	default:
		t.say("Later, within maxUnavailable: %s.", podCount(n))
	}
	if len(r.Recreated) > 0 {
		t.say("Pods are made anew, since this cannot change in a running Pod: %s.", strings.Join(r.Recreated, ", "))
	}
}

// advice is what a person can do, for the first cause that applies.
func (p *progress) advice() string {
	r := &p.plan.Rollout
	switch {
	case len(r.Impossible) > 0 && p.unable():
		return " Take the change of the template back, or set podUpdatePolicy to InPlaceIfPossible so that the Pods may be made anew."
	case len(r.Unexpandable) > 0 && p.unable():
		return " Make the StorageClass allow expansion, or take the change of the claim template back."
	}
	if len(p.outcome.CreateErrors)+len(p.refusedChanges()) > 0 {
		return " Change what the API server objects to; what it refused is tried again by itself."
	}
	for _, view := range p.unavailable {
		if view.Broken != "" {
			return " Correct what keeps the Pod from running; if it is the template, broken Pods are replaced as soon as that is changed."
		}
	}
	if going := slices.Concat(p.leaving, p.condemned); slices.ContainsFunc(going, func(v *View) bool { return v.terminating() && len(v.Pod.Finalizers) > 0 }) {
		return " A Pod that finalizers hold goes when they are taken away: by whoever set them or, if that is gone for good, by you."
	} else if len(going) > 0 {
		return " If the node of a Pod that does not go is lost for good, delete the Pod with kubectl delete --force."
	}
	return ""
}

// podCount writes a number of Pods, are with a verb.
func podCount(n int) string {
	if n == 1 {
		return "1 Pod"
	}
	return fmt.Sprintf("%d Pods", n)
}

func are(n int) string {
	if n == 1 {
		return "1 Pod is"
	}
	return podCount(n) + " are"
}

func truth(b bool) metav1.ConditionStatus {
	if b {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

// truncate keeps a message within the 1 KiB that conditions are allowed here.
func truncate(message string) string { return shorten(cmp.Or(message, "-"), maxMessage) }

// brief keeps short what Ready says at length.
func brief(message string) string { return shorten(message, 300) }

func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-3], "") + "..."
}
