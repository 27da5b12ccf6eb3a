// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/report"
)

// Reasons of answers beside those of api/v1beta1.
const (
	// reasonInjected and reasonCarried: it is so.
	reasonInjected = "Injected"
	reasonCarried  = "Carried"
	// reasonWillInject and reasonWillCarry are said of Pods that do not exist yet.
	reasonWillInject = "WouldBeInjected"
	reasonWillCarry  = "WouldCarry"
	// reasonSelector, reasonNamespaceSelector and reasonOtherTarget: it is not meant for the Pod.
	reasonSelector          = "Selector"
	reasonNamespaceSelector = "NamespaceSelector"
	reasonOtherTarget       = "OtherTarget"
	// reasonCreatedBefore: the SchedPatch is younger than the Pod, or was changed since.
	reasonCreatedBefore = "CreatedBefore"
	reasonMaxPods       = "MaxPods"
	reasonUnusable      = "Unusable"
	reasonUnknown       = "Unknown"
)

// Why are the answers about the Pods of a subject.
type Why struct {
	Subject string `json:"subject"`
	// Pods is how many live Pods it has.
	Pods int `json:"pods"`
	// Serving is whether the Pod webhooks serve the namespace.
	Serving Serving  `json:"serving"`
	Answers []Answer `json:"answers"`
	// Notes are what goes for all answers.
	Notes []string `json:"notes,omitempty"`
}

// Answer is what became of one SidecarSet, or SchedPatch, in some Pods.
type Answer struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// Pods are the names of the Pods that it is about; none where the subject has no Pods, and it is about the next one.
	Pods []string `json:"pods,omitempty"`
	// Reason is one word; Applied reports whether the Pods have what they are to have.
	Reason  string `json:"reason"`
	Applied bool   `json:"applied"`
	// Meant reports whether the object is meant for the Pods at all.
	Meant bool `json:"meant"`
	// Text says the same for people, in sentences.
	Text string `json:"text"`
	// Evidence are facts behind the text, and Type what to type.
	Evidence []string `json:"evidence,omitempty"`
	Type     []string `json:"type,omitempty"`
}

// answerer makes the answers.
type answerer struct {
	now     time.Time
	subject *Subject
	around  *Surroundings
	serving Serving
	// sets are those that can be used.
	sets []*sidecar.Set
	out  *Why
}

// Explain says for every SidecarSet and SchedPatch whether the Pods of a subject have it, and why not.
func Explain(subject *Subject, around *Surroundings, now time.Time) *Why {
	a := &answerer{now: now, subject: subject, around: around, serving: around.serving()}
	a.out = &Why{Subject: subject.String(), Pods: len(subject.Pods), Serving: a.serving, Answers: []Answer{}}
	a.notes()
	a.compile()
	for _, set := range a.sets {
		a.sidecarSet(set)
	}
	a.schedPatches()
	a.sort()
	return a.out
}

// compile makes the sets ready. One that cannot be used says so.
func (a *answerer) compile() {
	for i := range a.around.SidecarSets {
		object := &a.around.SidecarSets[i]
		set, err := sidecar.Compile(object)
		if err != nil {
			a.unusable(SidecarSet, object.Name, err)
			continue
		}
		a.sets = append(a.sets, set)
	}
}

func (a *answerer) unusable(kind Kind, name string, err error) {
	a.add(Answer{Kind: kind, Name: name, Reason: reasonUnusable, Meant: true, Text: "It cannot be used: " + err.Error() + "."}, "")
}

// notes are about the webhooks.
func (a *answerer) notes() {
	say := func(format string, args ...any) { a.out.Notes = append(a.out.Notes, fmt.Sprintf(format, args...)) }
	switch a.serving {
	case NoWebhook:
		say("No webhook of Windlass is registered in this cluster: no new Pod gets anything. Is the chart installed?")
	case Unserved:
		say("The Pod webhooks do not serve namespace %s: %s.", a.subject.Namespace, a.unserved())
	case Unknown:
		say("Whether the Pod webhooks serve namespace %s is not known.", a.subject.Namespace)
	}
	if len(a.subject.Pods) == 0 {
		say("It has no live Pods; this is what would become of the next one.")
	}
}

// unserved says why the webhooks leave out the namespace.
func (a *answerer) unserved() string {
	if a.around.optedOut() {
		return "its label " + v1beta1.InjectionLabel + " is " + v1beta1.InjectionDisabled
	}
	return "it is one of those that they leave out by name"
}

// add adds an answer about a Pod to one of the same words, if there is one.
func (a *answerer) add(answer Answer, pod string) {
	for i := range a.out.Answers {
		same := &a.out.Answers[i]
		if same.Kind == answer.Kind && same.Name == answer.Name && same.Reason == answer.Reason && same.Text == answer.Text &&
			slices.Equal(same.Type, answer.Type) {
			same.Pods = append(same.Pods, pod)
			return
		}
	}
	if pod != "" {
		answer.Pods = []string{pod}
	}
	a.out.Answers = append(a.out.Answers, answer)
}

// sort puts first what is meant for the Pods.
func (a *answerer) sort() {
	rank := func(x *Answer) int {
		switch {
		case x.Meant && !x.Applied:
			return 0
		case x.Applied:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(a.out.Answers, func(x, y Answer) int {
		return cmp.Or(cmp.Compare(rank(&x), rank(&y)), cmp.Compare(y.Kind, x.Kind), cmp.Compare(x.Name, y.Name))
	})
}

// About says which Pods an answer is about.
func (w *Why) About(answer *Answer) string {
	n := len(answer.Pods)
	switch n {
	case 0:
		return "the next Pod"
	case w.Pods:
		if n == 1 {
			return "the Pod"
		}
		return fmt.Sprintf("its %d Pods", n)
	default:
		return fmt.Sprintf("%d of its %d Pods (%s)", n, w.Pods, report.Names(answer.Pods))
	}
}

// Applied names what the Pods have, for -o name.
func (w *Why) Applied() []string {
	var out []string
	for i := range w.Answers {
		if name := w.Answers[i].Kind.Resource() + "/" + w.Answers[i].Name; w.Answers[i].Applied && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
