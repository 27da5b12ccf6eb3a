// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/operator/apply"
)

// Entry is a Pod that is about to go out of service.
type Entry struct {
	// Pod is the one, and is all that is told of an entry to those who read a page.
	Pod PodID

	ledger *Ledger
	by     string
	answer Answer
	// answered is false while the write is on its way.
	answered bool
}

// PodID names a Pod, and no other of its name.
type PodID struct {
	types.NamespacedName
	UID types.UID
}

// IDOf names a Pod.
func IDOf(pod *corev1.Pod) PodID {
	return PodID{types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}, pod.UID}
}

// Take notes that a serving Pod is about to go out of service, unless anybody else has taken from one of its budgets
// since the page was read: then it is apply.ErrOvertaken. Whoever gets an entry has to say how its write was answered.
// What is in no budget, or rests on no page, has no entry.
func (p *Page) Take(pod *corev1.Pod, budgets []Budget) (*Entry, error) {
	if p == nil || len(budgets) == 0 {
		return nil, nil
	}
	l := p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, budget := range budgets {
		if l.lastOfOthers(budget, p.by) > p.at {
			return nil, apply.ErrOvertaken
		}
	}
	l.takes++
	for _, budget := range budgets {
		l.note(budget, p.by)
	}
	l.trim()
	entry := &Entry{Pod: IDOf(pod), ledger: l, by: p.by}
	l.open[key{p.by, pod.UID}] = entry // a try that was doubtful makes way for the next one
	return entry, nil
}

// lastOfOthers is when anybody but one taker took from a budget last. l.mu is held.
func (l *Ledger) lastOfOthers(budget Budget, by string) uint64 {
	last, known := l.last[budget]
	switch {
	case !known:
		return l.floor
	case last.by == by:
		return last.others
	}
	return last.at
}

// note makes the latest take the latest of a budget. l.mu is held.
func (l *Ledger) note(budget Budget, by string) {
	last, known := l.last[budget]
	switch {
	case !known:
		last.others = l.floor
	case last.by != by:
		last.others = last.at
	}
	last.by, last.at = by, l.takes
	l.last[budget] = last
}

// trim drops the older half of the budgets when there are too many. Looks that began before the youngest of those are
// overtaken, whoever took: that costs them one more look. l.mu is held.
func (l *Ledger) trim() {
	if len(l.last) <= l.most {
		return
	}
	ages := make([]uint64, 0, len(l.last))
	for _, last := range l.last {
		ages = append(ages, last.at)
	}
	slices.SortFunc(ages, cmp.Compare[uint64])
	l.floor = ages[len(ages)/2]
	for budget, last := range l.last {
		if last.at <= l.floor {
			delete(l.last, budget)
		}
	}
}

// Answered says how the write of an entry was answered.
func (e *Entry) Answered(answer Answer) {
	if e == nil {
		return
	}
	e.ledger.mu.Lock()
	defer e.ledger.mu.Unlock()
	e.answer, e.answered = answer, true
	if answer == Shown {
		e.end()
	}
}

// end takes an entry out of the ledger, unless the next try has taken its place. The ledger's lock is held.
func (e *Entry) end() {
	if at := (key{e.by, e.Pod.UID}); e.ledger.open[at] == e {
		delete(e.ledger.open, at)
	}
}

// Unseen are the Pods of a page that were evicted, and that the cache may not show as such yet.
func (p *Page) Unseen() []PodID {
	if p == nil {
		return nil
	}
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	var out []PodID
	for _, entry := range p.open {
		if entry.answered && entry.answer == Unseen {
			out = append(out, entry.Pod)
		}
	}
	return out
}

// Seen ends the entries of an evicted Pod: the cache shows that it goes, or is gone. This page, which was read before,
// still has it.
func (p *Page) Seen(pod PodID) {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	for _, entry := range p.open {
		if entry.Pod == pod && entry.answered && entry.answer == Unseen {
			entry.end()
		}
	}
}

// Keep ends the doubtful entries of a taker but for those of some Pods: the others are known not to have been written,
// or are taken for it.
func (l *Ledger) Keep(by string, doubtful sets.Set[types.UID]) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for at, entry := range l.open {
		if at.by == by && entry.answered && entry.answer == Doubtful && !doubtful.Has(at.pod) {
			delete(l.open, at)
		}
	}
}
