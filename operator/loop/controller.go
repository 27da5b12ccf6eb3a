// SPDX-License-Identifier: Apache-2.0

// Package loop is the frame of every controller: what it is made from, what feeds it, and how it runs.
package loop

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Cluster is what a controller is made from. Nothing in it needs a manager, so that a simulation can run all
// controllers in one process, with a clock of its own.
type Cluster struct {
	// Client writes, and reads from a cache that returns nothing older than our own last write.
	Client client.Client
	// Live asks the API server itself.
	Live client.Reader
	// Mapper knows the kinds that the cluster serves.
	Mapper meta.RESTMapper
	// Clock tells the time.
	Clock clock.PassiveClock
	// Recorder records events.
	Recorder events.EventRecorder
}

// Of is the cluster of a manager, whose client must read its own writes.
func Of(mgr manager.Manager) Cluster {
	return Cluster{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Mapper: mgr.GetRESTMapper(), Clock: clock.RealClock{},
		Recorder: mgr.GetEventRecorder("windlass-operator"),
	}
}

// Controller is a reconciler and what feeds it.
type Controller struct {
	reconcile.Reconciler
	// Name is that of the controller in logs and metrics.
	Name string
	// Watches are to be fed to the controller before the first object is reconciled, those of its own kind first: they
	// enqueue requests, and remember what no object tells.
	Watches []Watch
}

// Watch brings the changes of one kind to a controller.
type Watch struct {
	// Object is an empty object of the kind.
	Object client.Object
	// Handler enqueues the requests that a change calls for.
	Handler handler.EventHandler
	// Predicates let a change through to the handler if all of them do. Default: all changes.
	Predicates []predicate.Predicate
}

// Build wires the controller into a manager. Workers is how many objects are handled at once.
func (c Controller) Build(mgr manager.Manager, workers int) (controller.Controller, error) {
	b := builder.ControllerManagedBy(mgr).Named(c.Name).WithOptions(options(workers, c.Reconciler))
	for _, w := range c.Watches {
		b = b.Watches(w.Object, w.Handler, builder.WithPredicates(w.Predicates...))
	}
	return b.Build(c.Reconciler)
}

const (
	// shortestRetry is how long what failed waits for its first retry. Each further one waits twice as long.
	shortestRetry = 5 * time.Millisecond
	// longestRetry is how long it waits for the next retry at most. Nothing tells us when a quota is raised or a policy
	// is lifted, and with the usual bound an object would stay as it is for a quarter of an hour after that.
	longestRetry = time.Minute
)

func options(workers int, reconciler reconcile.Reconciler) controller.Options {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](shortestRetry, longestRetry)
	if paced, ok := reconciler.(interface{ heldBack(reconcile.Request) bool }); ok {
		limiter = retries{limiter, paced.heldBack}
	}
	return controller.Options{MaxConcurrentReconciles: workers, RateLimiter: limiter}
}

// retries are spaced out by how often an object has failed in a row. The controller calls Forget when a request is
// answered without an error: a look that was only held back ends no such row.
type retries struct {
	workqueue.TypedRateLimiter[reconcile.Request]
	heldBack func(reconcile.Request) bool
}

// Forget begins a new row.
func (r retries) Forget(request reconcile.Request) {
	if !r.heldBack(request) {
		r.TypedRateLimiter.Forget(request)
	}
}
