// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"errors"
	"slices"
	"time"

	"github.com/go-logr/logr"

	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// Outcome is what became of a plan.
type Outcome struct {
	// Updated, Completed and Finished are the actions that were carried out.
	Updated, Completed, Finished []UpdatePod
	// Held are the Pods that were taken out of service, or brought back.
	Held []HoldPod
	// Refused are the changes of Pods that the API server did not carry out, or of which nobody knows.
	Refused []Refused
	// Evicted are the Pods that will be created anew.
	Evicted []EvictPod
	// Kept are the evictions that the API server refused, Doubtful those of which nobody knows.
	Kept, Doubtful []TriedEviction
	// Collided tells that the name of the new revision is taken by something that is not ours. The next look takes
	// another one.
	Collided bool
	// Failed are the other actions that the API server refused, with its words.
	Failed []error
	// Unrecorded means that the current revision could not be recorded, so that no Pod was marked with it.
	Unrecorded bool
	// PullIn is when to look again because of a pull of an image that could not be begun, 0 for never.
	PullIn time.Duration
	// Stale counts those that were given up because the object had changed since the snapshot. The change itself brings
	// the next look. Overtaken counts those that were because somebody else had taken from the same budget; no change
	// need follow.
	Stale, Overtaken int
}

// Refused is the change of a Pod that failed.
type Refused struct {
	UpdatePod
	// Write says which one it was, Err why.
	Write string
	Err   error
}

// infeasible reports whether all that was refused is a resize that the Pod's node can never give.
func (r *Refused) infeasible() bool { return apply.NodeCannot(r.Err) }

// without is the plan of which some changes were refused: a Pod that could not be taken out of service is named as
// refused, and waits for nothing else.
func (p *Plan) without(all []Refused) *Plan {
	refused := map[*sidecar.View]bool{}
	for _, r := range all {
		refused[r.View] = true
	}
	if len(refused) == 0 {
		return p
	}
	out := *p
	out.Waiting = nil
	for _, w := range p.Waiting {
		w.Pods = slices.DeleteFunc(slices.Clone(w.Pods), func(view *sidecar.View) bool { return refused[view] })
		if len(w.Pods) > 0 {
			out.Waiting = append(out.Waiting, w)
		}
	}
	return &out
}

// Err joins the errors that are worth another try.
func (o *Outcome) Err() error { return errors.Join(o.Failed...) }

// note takes in why an action did not succeed.
func (o *Outcome) note(err error) {
	switch {
	case err == nil:
	case apply.IsStale(err):
		o.stale(err)
	default:
		o.fail(err)
	}
}

// stale counts an action that was given up.
func (o *Outcome) stale(err error) {
	if errors.Is(err, apply.ErrOvertaken) {
		o.Overtaken++
		return
	}
	o.Stale++
}

// held notes what became of a hold. What the API server refuses to begin is the refusal of the update that was to follow:
// others go on. Letting go is tried again.
func (o *Outcome) held(h HoldPod, err error) {
	switch {
	case err == nil:
		o.Held = append(o.Held, h)
	case h.Begins != nil && refusal.KindOf(err) != refusal.Stale:
		o.Refused = append(o.Refused, Refused{*h.Begins, writeUpdate, err})
	default:
		o.note(err)
	}
}

func (o *Outcome) fail(errs ...error) {
	for _, err := range errs {
		if err != nil {
			o.Failed = append(o.Failed, err)
		}
	}
}

// errors are all that failed. What a node cannot give is no failure: UpdateLimited says it.
func (o *Outcome) errors() []error {
	out := slices.Clone(o.Failed)
	for _, refused := range o.Refused {
		if !refused.infeasible() {
			out = append(out, refused.Err)
		}
	}
	return out
}

// log tells which Pods were evicted: a plan names all that may be.
func (o *Outcome) log(log logr.Logger) {
	for _, e := range o.Evicted {
		log.Info(e.String())
	}
	for _, tried := range o.Kept {
		log.V(1).Info("not evicted: "+podName(tried.Pod), "answer", tried.Err.Error())
	}
}
