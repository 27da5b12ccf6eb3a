// SPDX-License-Identifier: Apache-2.0

// Package schedpatch is the controller of SchedPatches: it counts the Pods that the webhook patched, previews patches,
// and ends them.
//
// Data flows one way: cluster state -> Snapshot (gather.go, which asks owners.go and template.go) -> Plan (plan.go)
// -> Outcome (apply.go) -> Status (status.go). Only those three read the cluster and only apply.go writes to it.
package schedpatch

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/operator/loop"
)

// lookInterval is how often one SchedPatch is looked at, and so its status written, at most. While Pods come by the
// thousands, each look takes in all that have come since the last.
const lookInterval = time.Second

// Options tune the controller.
type Options struct {
	// Workers is how many SchedPatches are handled at once.
	Workers int
	// ExcludedNamespaces are those that the Pod webhooks never serve.
	ExcludedNamespaces []string
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
	s := &steps{
		gatherer: gatherer{
			reader: cluster.Client, live: cluster.Live, clock: cluster.Clock, known: known, owners: owners,
			templates: newTemplates(cluster.Live), excluded: sets.New(options.ExcludedNamespaces...),
			watchNodes: once(func() error { return late.WatchNodes(nodeHandler{known}) }),
		},
		executor: executor{writer: cluster.Client},
	}
	return loop.Controller{
		Name:       "schedpatch",
		Reconciler: loop.New(cluster, s, loop.Options{Kind: "SchedPatch", LookEvery: lookInterval}),
		Watches: []loop.Watch{
			{Object: &v1alpha1.SchedPatch{}, Handler: patchHandler{known}},
			{Object: &corev1.Pod{}, Handler: podHandler{known, owners}},
			{Object: &corev1.Namespace{}, Handler: namespaceHandler{known}},
		},
	}
}

// steps are those of a look at a SchedPatch.
type steps struct {
	gatherer gatherer
	executor executor
}

var _ loop.Steps[Snapshot, *Plan, *Outcome] = &steps{}

// Gather reads the cluster.
func (s *steps) Gather(ctx context.Context, patch types.NamespacedName) (*Snapshot, error) {
	return s.gatherer.snapshot(ctx, patch)
}

// Plan decides what to do.
func (*steps) Plan(at *Snapshot) (*Plan, error) { return MakePlan(at), nil }

// Apply carries a plan out.
func (s *steps) Apply(ctx context.Context, _ *Snapshot, plan *Plan) *Outcome {
	return s.executor.apply(ctx, plan)
}

// Note counts what came of a plan.
func (*steps) Note(_ logr.Logger, _ *Snapshot, _ *Plan, outcome *Outcome) {
	if outcome.Deleted {
		expiredDeleted.Inc()
	}
}

// Report says what is to be told.
func (*steps) Report(at *Snapshot, plan *Plan, outcome *Outcome) *loop.Report {
	return makeReport(at, plan, outcome)
}

// Invalid says why a SchedPatch cannot be used.
func (*steps) Invalid(object client.Object, fault error, now time.Time) *loop.Report {
	patch := object.(*v1alpha1.SchedPatch)
	return reportOf(patch, invalidStatus(patch, fault, metav1.NewTime(now)))
}

// Observe counts what a status says.
func (*steps) Observe(r *loop.Report, _ bool, _ time.Time) {
	observe(client.ObjectKeyFromObject(r.Object), &r.Updated.(*v1alpha1.SchedPatch).Status)
}

// Forget drops all that is remembered of a SchedPatch that is gone.
func (s *steps) Forget(patch types.NamespacedName) {
	s.gatherer.templates.forget(patch)
	objects.Forget(patch)
}

// Log tells what is about to be done.
func (p *Plan) Log(log logr.Logger) {
	if p.Delete == nil {
		log = log.V(1)
	}
	log.Info(p.String())
}
