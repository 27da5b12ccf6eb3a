// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/operator/report"
)

// Steps are what a controller does in each look at an object: it gathers a snapshot, plans on it, carries the plan out
// and reports. They are called in this order, for one object after the other or for several at once.
type Steps[S any, P Plan, O any] interface {
	// Gather reads all that a decision about an object rests on, within a minute. It returns nil without an error when
	// the object is gone or going, and *Invalid when nothing can be done about it.
	Gather(ctx context.Context, object types.NamespacedName) (*S, error)
	// Plan decides what to do. What it fails at is not tried again before something changes.
	Plan(s *S) (P, error)
	// Apply carries a plan out. The outcome has what was refused.
	Apply(ctx context.Context, s *S, plan P) O
	// Note remembers, counts and logs what came of a plan.
	Note(log logr.Logger, s *S, plan P, outcome O)
	// Report says what is to be told of it. Its status is computed from the arguments alone.
	Report(s *S, plan P, outcome O) *Report
	// Invalid is the report on an object that cannot be used.
	Invalid(object client.Object, fault error, now time.Time) *Report
	// Observe brings metrics up to date with a status. written tells that it was written just now, in the look that began
	// at now.
	Observe(r *Report, written bool, now time.Time)
	// Forget drops all that is remembered of an object that is gone.
	Forget(object types.NamespacedName)
}

// Preparer are Steps that have something to do between Gather and Plan.
type Preparer[S any] interface {
	// Prepare returns the finished snapshot. It does not write into the one that it is given. It returns nil without an
	// error when the object is gone meanwhile. An error beside a snapshot does not keep the other steps from being taken:
	// it is returned after them.
	Prepare(ctx context.Context, s *S) (*S, error)
}

// Plan is what a controller is about to do.
type Plan interface {
	// Log tells what that is.
	Log(log logr.Logger)
}

// Report is what is to be told of a look at an object.
type Report struct {
	// Object is the object as it was read, and Updated the same with the status that it is to have; nil when no status is
	// to be written.
	Object, Updated client.Object
	// Before and After are the conditions of the two.
	Before, After []metav1.Condition
	// Pods are how many Pods of the object are in each state that a metric of its kind has; nil when nobody has counted.
	Pods map[string]int
	// Urgent statuses are written at once, however short a while ago the last one was.
	Urgent bool
	// Events tell what was done in this look, and News what the status brings: they are recorded once it is written.
	Events, News []report.Event
	// RequeueAfter is when to look again though nothing happens, 0 for never.
	RequeueAfter time.Duration
	// Retry is what has failed and is worth another try.
	Retry error
}

// Invalid says that a stored object cannot be used until a person corrects it.
type Invalid struct {
	Object client.Object
	Err    error
}

// Error is what is wrong.
func (e *Invalid) Error() string { return e.Err.Error() }

// Unwrap returns the fault.
func (e *Invalid) Unwrap() error { return e.Err }
