// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/report"
)

// Outcome is what became of a plan.
type Outcome struct {
	// Owned, Created, Deleted, Changed and Claimed are the actions that were carried out.
	Owned   []OwnPod
	Created []CreatePod
	Deleted []DeletePod
	Changed []ChangePod
	Claimed []ChangeClaim
	// CreateErrors, DeleteErrors, ClaimErrors, InPlaceErrors and UpdateErrors are what the API server refused, with its
	// words: new Pods with their claims, deletions of Pods, changes of claims, updates in place, and everything else.
	CreateErrors, DeleteErrors, ClaimErrors, InPlaceErrors, UpdateErrors []error
	// Unresized are changes that were not made since the Pods' nodes can never give the resources that are part of them.
	// The next look does without.
	Unresized []ChangePod
	// tries is what became of the writes whose refusal is remembered. accepted and rejected name the revision that a
	// new Pod was taken of, or was not; "" for none.
	tries              []try
	accepted, rejected string
	// Collided tells that the name of the new revision is taken by something that is not the set's. The next look takes
	// another one.
	Collided bool
	// PullIn is when to look again because of a pull of an image that could not be begun, 0 for never.
	PullIn time.Duration
	// Stale counts actions that were given up because the object had changed since the snapshot. The change itself
	// brings the next look, or requeueAfter.
	Stale int
}

// try is a write and what became of it.
type try struct {
	object types.UID
	toward string
	err    error
}

// Err joins all errors: the first of them, and how many more there are. A quota can refuse thousands of Pods at once.
func (o *Outcome) Err() error { return join(slices.Concat(o.CreateErrors, o.changeErrors())) }

// retry joins the errors that the whole set waits for. The others are remembered of their Pods alone, and nothing else
// waits for those.
func (o *Outcome) retry() error {
	return join(slices.Concat(o.CreateErrors, o.ClaimErrors, o.UpdateErrors))
}

func join(errs []error) error {
	if more := len(errs) - report.MaxNamed; more > 0 {
		errs = append(errs[:report.MaxNamed], fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}

// staleFor is how long the next look waits at most for the change that made an action fail.
const staleFor = time.Second

// shareFor is how long the next look waits after a refusal: those whose turn it is now that a share is free again.
const shareFor = 50 * time.Millisecond

// requeueAfter is when to look again though nothing happens; 0 for never. What made an action stale mostly shows itself
// at once, but revisions are not watched, and for the next name of a revision there is nothing to wait for.
func (o *Outcome) requeueAfter() time.Duration {
	if len(o.DeleteErrors)+len(o.InPlaceErrors)+len(o.Unresized) > 0 {
		return shareFor
	}
	if o.Stale > 0 || o.Collided {
		return staleFor
	}
	return 0
}

// changeErrors are the refusals of all but new Pods.
func (o *Outcome) changeErrors() []error {
	return slices.Concat(o.DeleteErrors, o.ClaimErrors, o.InPlaceErrors, o.UpdateErrors)
}

// succeeded reports whether an action succeeded, and notes why not.
func (o *Outcome) succeeded(err error, refusals *[]error) bool {
	switch {
	case err == nil:
		return true
	case apply.IsStale(err), apierrors.IsAlreadyExists(err): // the event of what is there brings the next look
		o.Stale++
	default:
		*refusals = append(*refusals, err)
	}
	return false
}

// note remembers what became of a write to a Pod.
func (o *Outcome) note(pod types.UID, toward string, err error) {
	o.tries = append(o.tries, try{pod, toward, err})
}

func owned(outcome *Outcome, adopted bool) (names []string) {
	for _, o := range outcome.Owned {
		if o.Adopt == adopted {
			names = append(names, o.Pod.Name)
		}
	}
	return names
}

func updatedInPlace(outcome *Outcome) (out []ChangePod) {
	for _, c := range outcome.Changed {
		if c.Updates {
			out = append(out, c)
		}
	}
	return out
}

func resized(outcome *Outcome) (out []ChangeClaim) {
	for _, c := range outcome.Claimed {
		if c.Storage != nil {
			out = append(out, c)
		}
	}
	return out
}
