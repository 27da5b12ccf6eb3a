// SPDX-License-Identifier: Apache-2.0

// Package statefulset is the controller of Advanced StatefulSets: it gives Pods an identity and storage of their own,
// and changes them in place, in parallel, and without getting stuck.
//
// Data flows one way: cluster state -> Snapshot (snapshot.go) -> Plan (plan.go)
// -> Outcome (apply.go) -> Status (status.go). Only snapshot.go reads the
// cluster and only apply.go writes to it.
package statefulset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/report"
)

// Options tune the controller.
type Options struct {
	// Workers is how many StatefulSets are handled at once.
	Workers int
	// Parallel is how many Pods of one set are written to at once at most.
	Parallel int
	// CanResize reports whether the API server can resize running Pods.
	CanResize bool
	// Remediator looks after Pods that cannot start because of their node; nil for none.
	Remediator Remediator
}

// reconciler walks a StatefulSet through snapshot, plan, apply and status.
type reconciler struct {
	gatherer   gatherer
	executor   executor
	remediator Remediator
	recorder   *report.Recorder
	pace       *report.Pace
	duty       *report.Duty
}

// Add wires the controller into a manager, whose client must read its own writes and whose cache must have the indexes
// of podcache.
func Add(ctx context.Context, mgr manager.Manager, options Options) error {
	if err := AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("index revisions and claims: %w", err)
	}
	_, err := New(loop.Of(mgr), options).Build(mgr, options.Workers)
	return err
}

// New makes the controller. The cluster's cache must have the indexes of AddIndexes and those of podcache.
func New(cluster loop.Cluster, options Options) loop.Controller {
	known := newKnownSets()
	return loop.Controller{
		Name: "statefulset",
		Reconciler: &reconciler{
			gatherer: gatherer{
				reader: cluster.Client, clock: cluster.Clock, canResize: options.CanResize, templates: newTemplates(), memory: newMemory(),
			},
			executor:   executor{writer: cluster.Client, live: cluster.Live, parallel: options.Parallel},
			remediator: options.Remediator,
			recorder:   report.NewRecorder(cluster.Recorder),
			pace:       report.NewPace(time.Second),
			duty:       report.NewDuty(),
		},
		Watches: []loop.Watch{
			{Object: &v1beta1.StatefulSet{}, Handler: setHandler{known}},
			{Object: &corev1.Pod{}, Handler: podHandler{known}},
			{Object: &corev1.PersistentVolumeClaim{}, Handler: claimHandler{known}},
			{Object: &storagev1.StorageClass{}, Handler: classHandler{known}},
			{Object: &appsv1.ControllerRevision{}, Handler: revisionHandler{}},
			{Object: &v1alpha1.SchedPatch{}, Handler: patchHandler(), Predicates: []predicate.Predicate{patchChanges()}},
		},
	}
}

// Reconcile brings one StatefulSet a step further, unless others are to have the processor first.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	began := r.gatherer.clock.Now()
	if wait := r.duty.Wait(request.NamespacedName, began); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	writing := time.Duration(0)
	defer func() {
		now := r.gatherer.clock.Now()
		r.duty.Note(request.NamespacedName, now.Sub(began)-writing, now)
	}()
	// Reading waits for the cache to have seen our own writes. Should it never, a word in the log is better than a
	// worker that hangs.
	reading, cancel := context.WithTimeout(ctx, time.Minute)
	snapshot, err := r.gatherer.snapshot(reading, request.NamespacedName)
	cancel()
	if invalid := (*invalidError)(nil); errors.As(err, &invalid) {
		return reconcile.Result{}, cmp.Or(r.reportInvalid(ctx, invalid.set, err), reconcile.TerminalError(err))
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	var remedyErr error
	if snapshot != nil {
		snapshot, remedyErr = r.remedy(ctx, snapshot)
	}
	if snapshot == nil {
		if remedyErr == nil {
			r.forget(request.NamespacedName)
		}
		return reconcile.Result{}, remedyErr
	}
	plan, err := makePlan(snapshot)
	if err != nil {
		return reconcile.Result{}, reconcile.TerminalError(err)
	}
	plan.log(ctrl.LoggerFrom(ctx))
	decided := r.gatherer.clock.Now()
	outcome := r.executor.apply(ctx, snapshot.Set, plan)
	writing = r.gatherer.clock.Now().Sub(decided)
	r.gatherer.memory.note(request.NamespacedName, outcome, snapshot.Now)
	observe(outcome)

	// An error is returned after the status is written, so that it is seen.
	wait, err := r.report(ctx, snapshot, plan, outcome)
	if err == nil {
		err = errors.Join(outcome.retry(), remedyErr)
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: soonest(wait.Seconds(), outcome.lookAgainIn())}, nil
}

// forget drops all that is remembered of a set that is gone.
func (r *reconciler) forget(set types.NamespacedName) {
	r.pace.Forget(set)
	r.duty.Forget(set)
	r.gatherer.templates.forget(set)
	r.gatherer.memory.forget(set)
	r.recorder.Forget(set)
	forgetMetrics(set)
	if r.remediator != nil {
		r.remediator.Forget(set)
	}
}

// log tells what is about to be done.
func (p *Plan) log(log logr.Logger) {
	for _, o := range p.Own {
		log.Info(o.String())
	}
	for _, d := range p.Delete {
		log.Info(d.String())
	}
	for _, c := range p.Change {
		log.Info(c.String())
	}
	for _, c := range p.Claims {
		log.Info(c.String())
	}
	for _, c := range p.Create {
		log.Info(c.String())
	}
}

// soonest is the shortest of some spans in seconds, of which 0 means never.
func soonest(spans ...float64) time.Duration {
	shortest := 0.0
	for _, span := range spans {
		if shortest == 0 || (span != 0 && span < shortest) {
			shortest = span
		}
	}
	return time.Duration(math.Ceil(shortest*1000)) * time.Millisecond
}

// reportInvalid writes the status of a set that cannot be used, and what is to be told of it.
func (r *reconciler) reportInvalid(ctx context.Context, set *v1beta1.StatefulSet, fault error) error {
	status := invalidStatus(set, fault, metav1.NewTime(r.gatherer.clock.Now()))
	observeStalled(client.ObjectKeyFromObject(set), status)
	written, err := r.executor.writeStatus(ctx, set, status)
	if written {
		observePhase(set, status)
		r.recorder.RecordChange(ctrl.LoggerFrom(ctx), set, standingIn(&set.Status), standingIn(status))
	}
	return err
}

// report writes status and events. While Pods change fast the status is written about once a second. It returns when to
// look again though nothing happens: to write what was held back, or because something is due by then.
func (r *reconciler) report(ctx context.Context, s *Snapshot, plan *Plan, outcome *Outcome) (time.Duration, error) {
	status, deadline := makeStatus(s, plan, outcome)
	wait := soonest(deadline, plan.LookAgainIn, s.remedyIn())
	key := client.ObjectKeyFromObject(s.Set)
	observeStalled(key, status)
	if pause := r.pace.Wait(key, s.Now); pause > 0 && !urgent(s, status) {
		r.recorder.Record(s.Set, s.Now, roundEvents(s, plan, outcome)...)
		return soonest(wait.Seconds(), pause.Seconds()), nil
	}
	written, err := r.executor.writeStatus(ctx, s.Set, status)
	if err != nil {
		return 0, client.IgnoreNotFound(err)
	}
	if written {
		observePhase(s.Set, status)
		r.recorder.RecordChange(ctrl.LoggerFrom(ctx), s.Set, standingIn(&s.Set.Status), standingIn(status))
		r.pace.Note(key, s.Now)
	}
	r.recorder.Record(s.Set, s.Now, roundEvents(s, plan, outcome)...)
	return wait, nil
}

// urgent reports whether a status is to be written at once: it speaks of another generation, of another revision that
// Pods are made from, or of a name that is not to be tried again.
func urgent(s *Snapshot, status *v1beta1.StatefulSetStatus) bool {
	before := &s.Set.Status
	return before.ObservedGeneration != status.ObservedGeneration ||
		before.CurrentRevision != status.CurrentRevision || before.UpdateRevision != status.UpdateRevision ||
		ptr.Deref(before.CollisionCount, 0) != ptr.Deref(status.CollisionCount, 0)
}
