// SPDX-License-Identifier: Apache-2.0

// Package ledger keeps two looks that run side by side from spending one budget twice.
//
// Several SidecarSets and StatefulSets may restart Pods of one workload, or of one PodDisruptionBudget. Each look reads
// the cluster, plans on what it has read, and writes; what another one writes meanwhile it does not see. So whoever is
// about to take a Pod out of service says so here first:
//
//	page := book.Read("SidecarSet mesh")       // gather, before it reads the cache
//	...
//	page.Taken(pod)                            // plan: this Pod counts as down already
//	...
//	entry, err := page.Take(pod, budgets)      // apply, before it writes; an error: another look was faster, plan anew
//	...
//	entry.Answered(ledger.Shown)               // apply, as soon as the API server has answered
//
// What has left the ledger is in the cache. For a patch that holds when it was answered, because no list is read from
// our cache before it shows all of our own answered writes (wiring.Client); so the ledger must be read first and the
// cache second. An eviction is no write of that kind, and its entry stays until the gatherer has seen its end in the
// cache. So does an entry of which nobody knows whether it was written, until its taker tries again or gives it up.
// Nothing leaves the ledger because time has passed.
//
// It is all in memory: a new operator waits for its cache, and no write of the one before is on its way to it for
// longer than that takes.
package ledger

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Budget is what Pods are taken from.
type Budget struct {
	// Kind is PodDisruptionBudget, or that of a workload.
	Kind string
	types.NamespacedName
}

// DisruptionBudget is the Kind of PodDisruptionBudgets.
const DisruptionBudget = "PodDisruptionBudget"

// Answer is what the API server said of the write that an entry stands for.
type Answer int

const (
	// Shown means that the write is done, and that nobody reads a cache any more that does not show it; or that it is
	// not done and will not be. The entry ends.
	Shown Answer = iota
	// Unseen means that the write is done and that the cache may not show it yet: an eviction.
	Unseen
	// Doubtful means that nobody knows whether it is done.
	Doubtful
)

// Ledger holds the entries of all takers. Its methods may be called from many goroutines.
type Ledger struct {
	mu sync.Mutex
	// takes counts all takes. last are the latest of each budget; of those that are not in it, all were at floor or
	// before.
	takes, floor uint64
	last         map[Budget]latest
	open         map[key]*Entry
	// most is how many budgets are in last before the older half of them is dropped.
	most int
}

// latest are the latest take of a budget, and the latest by anybody but who made that one.
type latest struct {
	by         string
	at, others uint64
}

type key struct {
	by  string
	pod types.UID
}

// manyBudgets bounds what is remembered of budgets: some MB.
const manyBudgets = 20_000

// New returns an empty ledger.
func New() *Ledger {
	return &Ledger{last: map[Budget]latest{}, open: map[key]*Entry{}, most: manyBudgets}
}

// Page is what the ledger said when a look began. It does not change.
type Page struct {
	ledger *Ledger
	by     string
	at     uint64
	open   []*Entry
	taken  map[types.UID]bool
}

// Read returns the entries of all takers for the look of one of them. No ledger has no page, on which everything may be
// taken: for tests of one taker.
func (l *Ledger) Read(by string) *Page {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	page := &Page{ledger: l, by: by, at: l.takes, taken: make(map[types.UID]bool, len(l.open))}
	for _, entry := range l.open {
		page.open = append(page.open, entry)
		page.taken[entry.Pod.UID] = true
	}
	return page
}

// Taken reports whether a Pod is about to go out of service though it may not show it yet. It may be asked of no page,
// and does not touch the Pod while nobody takes any: it is asked of all Pods of a set.
func (p *Page) Taken(pod *corev1.Pod) bool { return p != nil && len(p.taken) > 0 && p.taken[pod.UID] }
