// SPDX-License-Identifier: Apache-2.0

// Package readiness is the controller of the readiness gate KruisePodReady in Pods that carry sidecars.
//
// A Pod's status cannot be set when the Pod is created, so a new Pod with the gate is not Ready before somebody has set
// the condition True: this controller does, once for each Pod, whether or not the SidecarSet that asked for the gate
// still does. It also takes away what a SidecarSet has left in a Pod that is gone, or cannot be used any more: its hold
// and its word to its hook. A SidecarSet has no finalizer for that, which would keep it while no operator runs; and an
// operator that was away when a set went finds what is left when it starts, since it looks at each Pod.
package readiness

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/windlass-operator/windlass/operator/loop"
)

// Options tune the controller.
type Options struct {
	// Workers is how many Pods are handled at once.
	Workers int
}

// Add wires the controller into a manager, whose client must read its own writes.
func Add(mgr manager.Manager, options Options) error {
	_, err := New(loop.Of(mgr)).Build(mgr, options.Workers)
	return err
}

// New makes the controller.
func New(cluster loop.Cluster) loop.Controller {
	s := &steps{gatherer{cluster.Client, cluster.Clock}, executor{cluster.Client}}
	return loop.Controller{
		Name:       "readiness",
		Reconciler: loop.New(cluster, s, loop.Options{Kind: "Pod"}),
		Watches: []loop.Watch{{
			Object: &corev1.Pod{}, Handler: &handler.EnqueueRequestForObject{},
			Predicates: []predicate.Predicate{predicate.NewPredicateFuncs(concerns)},
		}},
	}
}

// concerns reports whether there is anything to know about a Pod.
func concerns(object client.Object) bool {
	pod, ok := object.(*corev1.Pod)
	return ok && isOurs(pod)
}

// steps are those of a look at a Pod.
type steps struct {
	gatherer gatherer
	executor executor
}

var _ loop.Steps[Snapshot, *Plan, error] = &steps{}

// Gather reads the cluster.
func (s *steps) Gather(ctx context.Context, pod types.NamespacedName) (*Snapshot, error) {
	return s.gatherer.snapshot(ctx, pod)
}

// Plan decides what to do.
func (*steps) Plan(at *Snapshot) (*Plan, error) { return makePlan(at) }

// Apply carries a plan out.
func (s *steps) Apply(ctx context.Context, at *Snapshot, plan *Plan) error {
	return s.executor.apply(ctx, at.Pod, plan)
}

// Note has nothing to remember.
func (*steps) Note(logr.Logger, *Snapshot, *Plan, error) {}

// Report says when to look again. Pods have no status of ours.
func (*steps) Report(at *Snapshot, plan *Plan, err error) *loop.Report {
	return &loop.Report{Object: at.Pod, RequeueAfter: plan.LookIn, Retry: err}
}

// Invalid is never asked for: no Pod is invalid.
func (*steps) Invalid(object client.Object, err error, _ time.Time) *loop.Report {
	return &loop.Report{Object: object, Retry: err}
}

// Observe has no status to count.
func (*steps) Observe(*loop.Report, bool, time.Time) {}

// Forget has nothing to forget.
func (*steps) Forget(types.NamespacedName) {}

// Log tells what is about to be done.
func (p *Plan) Log(log logr.Logger) {
	if p.Reason != "" {
		log.Info(p.Reason)
	}
}
