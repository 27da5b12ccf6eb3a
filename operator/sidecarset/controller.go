// Package sidecarset is the controller of SidecarSets: it rolls new sidecar
// images out inside running Pods and reports what it sees.
//
// Data flows one way: cluster state -> Snapshot (snapshot.go) -> Plan (plan.go)
// -> Outcome (apply.go) -> Status (status.go). Only snapshot.go reads the
// cluster and only apply.go writes to it.
package sidecarset

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// PodLabelIndex is the cache index of Pods by each of their labels, written as
// sidecar.LabelPair does.
const PodLabelIndex = "labels"

// Options tune the controller.
type Options struct {
	// Workers is how many SidecarSets are handled at once.
	Workers int
	// ExcludedNamespaces are those that the Pod webhooks never serve.
	ExcludedNamespaces []string
}

// reconciler walks a SidecarSet through snapshot, plan, apply and status.
type reconciler struct {
	gatherer gatherer
	executor executor
	recorder events.EventRecorder
	pace     *pace
}

// Add wires the controller into a manager, whose client must read its own
// writes.
func Add(ctx context.Context, mgr manager.Manager, options Options) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, &corev1.Pod{}, PodLabelIndex, podLabels); err != nil {
		return fmt.Errorf("index Pods by label: %w", err)
	}
	r := &reconciler{
		gatherer: gatherer{reader: mgr.GetClient(), clock: clock.RealClock{}, excluded: sets.New(options.ExcludedNamespaces...)},
		executor: executor{pods: mgr.GetClient(), status: mgr.GetClient().Status(), parallel: 16},
		recorder: mgr.GetEventRecorder("windlass-operator"),
		pace:     newPace(time.Second),
	}
	index := newSharedIndex()
	return builder.ControllerManagedBy(mgr).
		Named("sidecarset").
		Watches(&v1beta1.SidecarSet{}, setHandler{index}).
		Watches(&corev1.Pod{}, podHandler{index}).
		Watches(&corev1.Namespace{}, namespaceHandler{index}).
		WithOptions(controller.Options{MaxConcurrentReconciles: options.Workers}).
		Complete(r)
}

func podLabels(object client.Object) []string {
	out := make([]string, 0, len(object.GetLabels()))
	for key, value := range object.GetLabels() {
		out = append(out, sidecar.LabelPair(key, value))
	}
	return out
}

// Reconcile brings one SidecarSet a step further.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	log := ctrl.LoggerFrom(ctx)
	snapshot, err := r.gatherer.snapshot(ctx, request.Name)
	if err != nil {
		return reconcile.Result{}, err
	}
	if snapshot == nil {
		r.pace.forget(request.Name)
		forgetMetrics(request.Name)
		return reconcile.Result{}, nil
	}
	plan, err := makePlan(snapshot)
	if err != nil {
		return reconcile.Result{}, reconcile.TerminalError(err)
	}
	for _, update := range plan.Updates {
		log.Info(update.String())
	}
	outcome := r.executor.apply(ctx, plan)
	observe(snapshot, outcome)

	// An error is returned after the status is written, so that it is seen.
	wait, err := r.report(ctx, snapshot, plan, outcome)
	if err == nil {
		err = outcome.Err()
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: wait}, nil
}

// report writes status and events. While Pods change fast the status is
// written about once a second; how long to wait for the next write is returned.
func (r *reconciler) report(ctx context.Context, s *Snapshot, plan *Plan, outcome *Outcome) (time.Duration, error) {
	status := makeStatus(s, plan, outcome)
	if wait := r.pace.wait(s.Set.Name(), s.Now); wait > 0 && s.Set.Object.Status.ObservedGeneration == s.Set.Object.Generation {
		r.record(s, outcome)
		return wait, nil
	}
	written, err := r.executor.writeStatus(ctx, s.Set.Object, status)
	if err != nil {
		return 0, client.IgnoreNotFound(err)
	}
	if written {
		r.pace.note(s.Set.Name(), s.Now)
	}
	r.record(s, outcome)
	return 0, nil
}
