// SPDX-License-Identifier: Apache-2.0

// Package schedpatch is the controller of SchedPatches: it counts the Pods that the webhook patched, previews patches,
// and ends them.
//
// Data flows one way: cluster state -> Snapshot (gather.go, which asks owners.go and template.go) -> Plan (plan.go)
// -> Outcome (apply.go) -> Status (status.go). Only those three read the cluster and only apply.go writes to it.
package schedpatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/report"
)

// lookInterval is how often one SchedPatch is looked at, and so its status written, at most.
const lookInterval = time.Second

// Options tune the controller.
type Options struct {
	// Workers is how many SchedPatches are handled at once.
	Workers int
	// ExcludedNamespaces are those that the Pod webhooks never serve.
	ExcludedNamespaces []string
}

// reconciler walks a SchedPatch through snapshot, plan, apply and status.
type reconciler struct {
	gatherer gatherer
	executor executor
	recorder *report.Recorder
	pace     *report.Pace
	// watchNodes starts the watch of nodes, once.
	watchNodes func() error
}

// Add wires the controller into a manager, whose client must read its own writes and find Pods by
// podcache.ControllerIndex.
func Add(mgr manager.Manager, options Options) error {
	late, err := newInformers(mgr)
	if err != nil {
		return err
	}
	late.controller, err = New(loop.Of(mgr), late, options).Build(mgr, options.Workers)
	return err
}

// New makes the controller. The cluster's cache must find Pods by podcache.ControllerIndex.
func New(cluster loop.Cluster, late LateWatches, options Options) loop.Controller {
	known := newRegistry()
	owners := &owners{
		late: late, handler: ownerHandler{known}, live: cluster.Live, mapper: cluster.Mapper, followed: map[schema.GroupKind]followed{},
	}
	r := &reconciler{
		gatherer: gatherer{
			reader: cluster.Client, live: cluster.Live, clock: cluster.Clock, owners: owners,
			templates: newTemplates(cluster.Live), excluded: sets.New(options.ExcludedNamespaces...),
		},
		executor:   executor{writer: cluster.Client},
		recorder:   report.NewRecorder(cluster.Recorder),
		pace:       report.NewPace(lookInterval),
		watchNodes: once(func() error { return late.WatchNodes(nodeHandler{known}) }),
	}
	return loop.Controller{
		Name:       "schedpatch",
		Reconciler: r,
		Watches: []loop.Watch{
			{Object: &v1alpha1.SchedPatch{}, Handler: patchHandler{known}},
			{Object: &corev1.Pod{}, Handler: podHandler{known, owners}},
			{Object: &corev1.Namespace{}, Handler: namespaceHandler{known}},
		},
	}
}

// once makes a function that is run until it has succeeded once.
func once(run func() error) func() error {
	var done atomic.Bool
	return func() error {
		if !done.CompareAndSwap(false, true) {
			return nil
		}
		err := run()
		if err != nil {
			done.Store(false)
		}
		return err
	}
}

// Reconcile looks at one SchedPatch, at most once in lookInterval: while Pods come by the thousands, each look takes in
// all that have come since the last.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	key, now := request.NamespacedName, r.gatherer.clock.Now()
	if wait := r.pace.Wait(key, now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	r.pace.Note(key, now)
	snapshot, err := r.gatherer.snapshot(ctx, key)
	if invalid := (*invalidError)(nil); errors.As(err, &invalid) {
		statusErr := r.writeStatus(ctx, invalid.object, invalidStatus(invalid.object, err, metav1.NewTime(now)))
		return reconcile.Result{}, cmp.Or(statusErr, reconcile.TerminalError(err))
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if snapshot == nil {
		r.forget(key)
		return reconcile.Result{}, nil
	}
	return r.step(ctx, snapshot)
}

// step does what a snapshot calls for.
func (r *reconciler) step(ctx context.Context, s *Snapshot) (reconcile.Result, error) {
	if s.asksNodes() {
		if err := r.watchNodes(); err != nil {
			return reconcile.Result{}, fmt.Errorf("watch nodes: %w", err)
		}
	}
	plan := makePlan(s)
	ctrl.LoggerFrom(ctx).V(1).Info(plan.String())
	switch outcome := r.executor.apply(ctx, plan); {
	case outcome.Err != nil:
		return reconcile.Result{}, outcome.Err
	case outcome.Stale:
		return reconcile.Result{RequeueAfter: lookInterval}, nil
	case outcome.Deleted:
		ctrl.LoggerFrom(ctx).Info(plan.String())
		r.recorder.Record(s.Object, s.Now, deletionEvent(plan))
		expiredDeleted.Inc()
		return reconcile.Result{}, nil
	}
	status := makeStatus(s, plan)
	if err := r.writeStatus(ctx, s.Object, status); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	observe(s, status)
	r.recorder.Record(s.Object, s.Now, statusEvents(&s.Object.Status, status)...)
	return reconcile.Result{RequeueAfter: plan.LookAgainIn}, nil
}

// writeStatus writes a status, and logs what it brings.
func (r *reconciler) writeStatus(ctx context.Context, object *v1alpha1.SchedPatch, status *v1alpha1.SchedPatchStatus) error {
	written, err := r.executor.writeStatus(ctx, object, status)
	if written {
		report.LogChanges(ctrl.LoggerFrom(ctx), object.Status.Conditions, status.Conditions)
	}
	return err
}

// forget drops all that is remembered of a SchedPatch.
func (r *reconciler) forget(key types.NamespacedName) {
	r.pace.Forget(key)
	r.recorder.Forget(key)
	r.gatherer.templates.forget(key)
	forgetMetrics(key)
}
