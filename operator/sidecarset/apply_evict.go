// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// evictionTries is how many evictions one round asks for at most. Whatever is left comes in the next.
const evictionTries = 32

// TriedEviction is an eviction that was not carried out, and why.
type TriedEviction struct {
	EvictPod
	Err error
}

// ByBudget reports whether it is a PodDisruptionBudget that keeps the Pod. The API server asks for patience in this
// way, too; then others are to go first as well.
func (t TriedEviction) ByBudget() bool { return apierrors.IsTooManyRequests(t.Err) }

// evictAll asks for evictions in order until the budget is used up. One that is refused has taken nothing down: the
// next one goes in its place.
func (e *executor) evictAll(ctx context.Context, plan *Plan, o *Outcome) {
	round := newRound(plan)
	evict := func(ctx context.Context, eviction EvictPod) error {
		return refusal.Taking(plan.Takes, eviction.Pod, eviction.Takes, ledger.Unseen, func() error { return e.evict(ctx, eviction) })
	}
	for batch := round.next(e.parallel); len(batch) > 0; batch = round.next(e.parallel) {
		apply.Each(ctx, e.parallel, batch, evict, func(eviction EvictPod, err error) {
			switch round.answered(eviction, err) {
			case refusal.None:
				o.Evicted = append(o.Evicted, eviction)
			case refusal.Refused:
				o.Kept = append(o.Kept, TriedEviction{eviction, err})
			case refusal.Stale:
				o.stale(err)
			case refusal.Doubtful:
				o.fail(err)
				o.Doubtful = append(o.Doubtful, TriedEviction{eviction, err})
			}
		})
	}
}

// evictionRound is what is left of a round.
type evictionRound struct {
	queue []EvictPod
	// budget is how many more Pods that serve may be evicted; single lets one Pod go in all, which need not serve.
	budget int
	single bool
	tries  int
	// protected are the controllers whose Pods a PodDisruptionBudget keeps.
	protected map[types.UID]bool
}

func newRound(plan *Plan) *evictionRound {
	return &evictionRound{queue: plan.Evictions, budget: plan.EvictBudget, single: plan.Probe, protected: map[types.UID]bool{}}
}

// next takes the evictions to ask for at once: no more than may all succeed.
func (r *evictionRound) next(most int) []EvictPod {
	var batch []EvictPod
	room := r.budget
	for len(r.queue) > 0 && len(batch) < most && r.tries < evictionTries && !(r.single && len(batch) > 0) {
		first := r.queue[0]
		if !first.NotServing && room <= 0 {
			break
		}
		r.queue = r.queue[1:]
		if r.protected[first.owner()] {
			continue
		}
		if !first.NotServing {
			room--
		}
		r.tries++
		batch = append(batch, first)
	}
	return batch
}

// answered takes in what became of an eviction. What may have been carried out is taken off the budget.
func (r *evictionRound) answered(e EvictPod, err error) refusal.Kind {
	kind := refusal.KindOf(err)
	switch {
	case kind == refusal.Refused && (TriedEviction{e, err}).ByBudget():
		r.protected[e.owner()] = true
	case kind == refusal.Refused, kind == refusal.Stale:
	case r.single:
		r.queue = nil
	case !e.NotServing:
		r.budget--
	}
	return kind
}

// evict asks for the end of a Pod, which a PodDisruptionBudget may refuse. One that was chosen because it does not
// serve is left alone when it has changed since.
func (e *executor) evict(ctx context.Context, eviction EvictPod) error {
	pod := eviction.Pod
	return apply.Wrap(apply.Evict(ctx, e.writer, pod, eviction.NotServing), "evict Pod %s", podName(pod))
}

// Words are the API server's.
func (t TriedEviction) Words() string {
	status := apierrors.APIStatus(nil)
	if errors.As(t.Err, &status) {
		return status.Status().Message
	}
	return t.Err.Error()
}
