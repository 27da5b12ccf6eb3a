// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/report"
)

// readTime is how long reading may take. It waits for the cache to have seen our own writes. Should it never, a word in
// the log is better than a worker that hangs.
const readTime = time.Minute

// Options tune a loop.
type Options struct {
	// Kind is that of the objects, for people.
	Kind string
	// LookEvery is how often an object is looked at, at most. Default: as often as it changes.
	LookEvery time.Duration
	// WriteEvery is how often its status is written, at most. Default: in each look.
	WriteEvery time.Duration
}

// Loop is a reconciler that walks objects through snapshot, plan, outcome and status. Its methods may be called from
// many goroutines.
type Loop[S any, P Plan, O any] struct {
	steps    Steps[S, P, O]
	kind     string
	clock    clock.PassiveClock
	status   client.StatusClient
	recorder *report.Recorder
	duty     *report.Duty
	// looks and writes space out the looks at each object, and the writes of its status.
	looks, writes *report.Pace
	// held are the objects whose last look was held back.
	held sync.Map
}

// New makes a loop.
func New[S any, P Plan, O any](cluster Cluster, steps Steps[S, P, O], options Options) *Loop[S, P, O] {
	return &Loop[S, P, O]{
		steps: steps, kind: options.Kind, clock: cluster.Clock, status: cluster.Client,
		recorder: report.NewRecorder(cluster.Recorder), duty: report.NewDuty(),
		looks: report.NewPace(options.LookEvery), writes: report.NewPace(options.WriteEvery),
	}
}

// look is one look at an object.
type look struct {
	object types.NamespacedName
	began  time.Time
	// writing is how long the plan took to be carried out, and gone tells that there is no object any more.
	writing time.Duration
	gone    bool
}

// Reconcile brings an object a step further, unless others are to have the processor first.
func (l *Loop[S, P, O]) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	look := &look{object: request.NamespacedName, began: l.clock.Now()}
	if wait := max(l.duty.Wait(look.object, look.began), l.looks.Wait(look.object, look.began)); wait > 0 {
		l.held.Store(look.object, true)
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	l.held.Delete(look.object)
	l.looks.Note(look.object, look.began)
	wait, err := l.walk(ctx, look)
	now := l.clock.Now()
	l.duty.Note(look.object, now.Sub(look.began)-look.writing, now)
	if look.gone {
		l.forget(look.object)
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: wait}, nil
}

// heldBack reports whether the last look at an object was held back, so that nothing was tried.
func (l *Loop[S, P, O]) heldBack(request reconcile.Request) bool {
	_, held := l.held.Load(request.NamespacedName)
	return held
}

// walk returns when to look again though nothing happens, 0 for never.
func (l *Loop[S, P, O]) walk(ctx context.Context, look *look) (time.Duration, error) {
	log := ctrl.LoggerFrom(ctx)
	s, later, err := l.gather(ctx, look.object)
	if invalid := (*Invalid)(nil); errors.As(err, &invalid) {
		_, statusErr := l.write(ctx, look, l.steps.Invalid(invalid.Object, err, l.clock.Now()))
		return 0, cmp.Or(statusErr, reconcile.TerminalError(err))
	}
	if err != nil || s == nil {
		look.gone = err == nil
		return 0, err
	}
	plan, err := l.steps.Plan(s)
	if err != nil {
		return 0, reconcile.TerminalError(err)
	}
	plan.Log(log)
	decided := l.clock.Now()
	outcome := l.steps.Apply(ctx, s, plan)
	look.writing = l.clock.Now().Sub(decided)
	l.steps.Note(log, s, plan, outcome)

	// An error is returned after the status is written, so that it is seen.
	r := l.steps.Report(s, plan, outcome)
	wait, err := l.report(ctx, look, r)
	return wait, cmp.Or(err, errors.Join(r.Retry, later))
}

// gather reads the finished snapshot. later is an error that is no reason not to go on.
func (l *Loop[S, P, O]) gather(ctx context.Context, object types.NamespacedName) (s *S, later, err error) {
	reading, cancel := context.WithTimeout(ctx, readTime)
	s, err = l.steps.Gather(reading, object)
	cancel()
	preparer, ok := l.steps.(Preparer[S])
	if err != nil || s == nil || !ok {
		return s, nil, err
	}
	if s, err = preparer.Prepare(ctx, s); s == nil {
		return nil, nil, err
	}
	return s, err, nil
}

// report writes the status, unless it was written just now, and records events.
func (l *Loop[S, P, O]) report(ctx context.Context, look *look, r *Report) (time.Duration, error) {
	wait := r.RequeueAfter
	if pause := l.writes.Wait(look.object, look.began); pause > 0 && !r.Urgent && r.Updated != nil {
		l.steps.Observe(r, false, look.began)
		wait = report.Soonest(wait, pause)
	} else if written, err := l.write(ctx, look, r); err != nil {
		return 0, client.IgnoreNotFound(err)
	} else if written {
		l.writes.Note(look.object, look.began)
	}
	l.recorder.Record(r.Object, look.began, r.Events...)
	return wait, nil
}

// write writes the status if it changed, and tells what that brings.
func (l *Loop[S, P, O]) write(ctx context.Context, look *look, r *Report) (written bool, err error) {
	if r.Updated == nil {
		return false, nil
	}
	// The client decodes the answer into what it is given, and the status may share memory with the snapshot.
	updated := r.Updated.DeepCopyObject().(client.Object)
	written, err = apply.Status(ctx, l.status.Status(), r.Object, updated, apply.FirstStatus(r.Before))
	l.steps.Observe(r, written, look.began)
	if written {
		report.LogChanges(ctrl.LoggerFrom(ctx), r.Before, r.After)
		l.recorder.Record(r.Object, look.began, r.News...)
	}
	return written, apply.Wrap(err, "write the status of %s %s", l.kind, strings.TrimPrefix(look.object.String(), "/"))
}

// forget drops all that is remembered of an object that is gone.
func (l *Loop[S, P, O]) forget(object types.NamespacedName) {
	l.duty.Forget(object)
	l.looks.Forget(object)
	l.writes.Forget(object)
	l.recorder.Forget(object)
	l.steps.Forget(object)
}
