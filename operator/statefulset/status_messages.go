package statefulset

import (
	"cmp"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage is how many bytes the message of a condition, or of an event, has at
// most.
const maxMessage = 1024

// maxNamedPods is how many Pods a condition's message names.
const maxNamedPods = 5

// teller puts a message together, sentence by sentence. Over all of them it
// names maxNamedPods Pods, and counts the others.
type teller struct {
	sentences []string
	left      int
}

func newTeller() *teller { return &teller{left: maxNamedPods} }

func (t *teller) String() string { return strings.Join(t.sentences, " ") }

func (t *teller) say(format string, args ...any) {
	t.sentences = append(t.sentences, fmt.Sprintf(format, args...))
}

// list says something of Pods, unless there are none. Each item is the name of
// one, and what is to be said of it.
func (t *teller) list(intro string, items []string) {
	named := min(len(items), t.left)
	t.left -= named
	switch {
	case len(items) == 0:
	case named == 0:
		t.say("%s: %s.", intro, pods(len(items)))
	case named < len(items):
		t.say("%s: %s and %d more.", intro, strings.Join(items[:named], ", "), len(items)-named)
	default:
		t.say("%s: %s.", intro, strings.Join(items, ", "))
	}
}

// next says how far the set is and what it waits for, what blocks first.
func (p *progress) next() string {
	t := newTeller()
	t.refused(p)
	t.impossible(p)
	t.blocked(p)
	t.pods(p)
	t.later(p)
	if len(t.sentences) == 0 {
		t.say("Pods changed while they were looked at; looking again.")
	}
	if p.rolling() && p.status.CurrentRevision != p.status.UpdateRevision {
		t.sentences = append([]string{p.extent()}, t.sentences...)
	}
	return t.String()
}

// extent says how far the rollout is.
func (p *progress) extent() string {
	wanted := max(0, p.s.replicas()-p.s.partition())
	return fmt.Sprintf("Update to revision %s: %d of %s done.", p.status.UpdateRevision, min(int(p.status.UpdatedAvailableReplicas), wanted), pods(wanted))
}

func (t *teller) refused(p *progress) {
	if errs := append(p.outcome.changeErrors(), p.outcome.CreateErrors...); len(errs) > 0 {
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

// pods tells of every Pod that does not serve, those first that will not do so
// by themselves.
func (t *teller) pods(p *progress) {
	var broken, hooked, starting, leaving []string
	for _, view := range p.unavailable {
		now := p.now[view]
		if hook := awaitedHook(p.s.Set, view.Pod, now.state); hook != "" {
			hooked = append(hooked, fmt.Sprintf("%s (%s)", view.Pod.Name, hook))
		} else if view.Broken != "" && !now.changed {
			broken = append(broken, fmt.Sprintf("%s (%s)", view.Pod.Name, complaint(view)))
		} else {
			starting = append(starting, fmt.Sprintf("%s (%s)", view.Pod.Name, p.why(view)))
		}
	}
	for _, view := range p.condemned {
		if hook := awaitedHook(p.s.Set, view.Pod, p.now[view].state); hook != "" && !p.now[view].leaving {
			hooked = append(hooked, fmt.Sprintf("%s (%s)", view.Pod.Name, hook))
		} else {
			leaving = append(leaving, view.Pod.Name)
		}
	}
	for _, view := range p.leaving {
		leaving = append(leaving, view.Pod.Name)
	}
	for _, name := range p.created {
		starting = append(starting, name+" (just created)")
	}
	t.list("Cannot run", broken)
	t.list("Waiting for lifecycle hooks", hooked)
	t.list("Waiting for Pods to go", leaving)
	t.list("Waiting for Pods to be available", starting)
	t.list("Waiting for the claims of Pods to grow", p.plan.Rollout.Growing)
}

// later says what follows.
func (t *teller) later(p *progress) {
	r := &p.plan.Rollout
	if n := len(p.missing); n > 0 {
		t.say("Still to be created: %s.", pods(n))
	}
	switch n := len(r.Waiting); {
	case n == 0:
	case r.Hold == HoldPaused:
		t.say("The update is paused; %s not at revision %s.", are(n), p.status.UpdateRevision)
	case r.Hold == HoldOnDelete:
		t.say("With updateStrategy OnDelete %s left at an earlier revision.", are(n))
	default:
		t.say("Later, within maxUnavailable: %s.", pods(n))
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
	for _, view := range p.unavailable {
		if view.Broken != "" {
			return " Correct what keeps the Pod from running; if it is the template, broken Pods are replaced as soon as that is changed."
		}
	}
	if len(p.leaving)+len(p.condemned) > 0 {
		return " If the node of a Pod that does not go is lost for good, delete the Pod with kubectl delete --force."
	}
	return ""
}

// pods writes a number of Pods, are with a verb.
func pods(n int) string {
	if n == 1 {
		return "1 Pod"
	}
	return fmt.Sprintf("%d Pods", n)
}

func are(n int) string {
	if n == 1 {
		return "1 Pod is"
	}
	return pods(n) + " are"
}

func truth(b bool) metav1.ConditionStatus {
	if b {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

// truncate keeps a message within the 1 KiB that conditions are allowed here.
func truncate(message string) string { return shorten(cmp.Or(message, "-"), maxMessage) }

func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-3], "") + "..."
}
