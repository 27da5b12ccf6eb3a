// SPDX-License-Identifier: Apache-2.0

// Package statefulset is the controller of Advanced StatefulSets: it gives Pods an identity and storage of their own,
// and changes them in place, in parallel, and without getting stuck.
//
// Data flows one way: cluster state -> Snapshot (gather.go) -> Plan (plan.go)
// -> Outcome (apply.go) -> Status (status.go). Only gather.go reads the cluster, and remedy.go lets auto remediation do
// so; only apply.go writes to it.
package statefulset

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/pullers"
)

// Options tune the controller.
type Options struct {
	// Workers is how many StatefulSets are handled at once.
	Workers int
	// Parallel is how many Pods of one set are written to at once at most.
	Parallel int
	// CanResize reports whether the API server can resize running Pods.
	CanResize bool
	// Ledger has what is taken from the budgets of Pods by all controllers of this process. Default: one of its own.
	Ledger *ledger.Ledger
	// ImagePreDownload is the policy of sets that say nothing of it. Default Off.
	ImagePreDownload v1beta1.ImagePreDownloadPolicy
	// Pulls is what is remembered of pulls of images, one for all controllers. Default: one of its own.
	Pulls *pullers.Memory
	// Remediator looks after Pods that cannot start because of their node; nil for none.
	Remediator Remediator
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
	known, waiters, pulls := newKnownSets(), ledger.NewWaiters(), pullers.New(cluster, "StatefulSet", options.Pulls)
	s := &steps{
		gatherer: gatherer{
			reader: cluster.Client, clock: cluster.Clock, canResize: options.CanResize, templates: newTemplates(), memory: newMemory(),
			ledger: cmp.Or(options.Ledger, ledger.New()), waiters: waiters,
			pullers: pulls, preDownload: options.ImagePreDownload,
		},
		executor:   executor{writer: cluster.Client, live: cluster.Live, pullers: pulls, parallel: options.Parallel},
		remediator: options.Remediator,
	}
	return loop.Controller{
		Name:       "statefulset",
		Reconciler: loop.New(cluster, s, loop.Options{Kind: "StatefulSet", WriteEvery: time.Second}),
		Watches: []loop.Watch{
			{Object: &v1beta1.StatefulSet{}, Handler: setHandler{known}},
			{Object: &corev1.Pod{}, Handler: podHandler{known}},
			{Object: &corev1.PersistentVolumeClaim{}, Handler: claimHandler{known}},
			{Object: &storagev1.StorageClass{}, Handler: classHandler{known}},
			{Object: &appsv1.ControllerRevision{}, Handler: revisionHandler{}},
			{Object: &v1alpha1.SchedPatch{}, Handler: patchHandler(), Predicates: []predicate.Predicate{patchChanges()}},
			waiters.Watch(),
		},
	}
}

// steps are those of a look at a StatefulSet.
type steps struct {
	gatherer   gatherer
	executor   executor
	remediator Remediator
}

var (
	_ loop.Steps[Snapshot, *Plan, *Outcome] = &steps{}
	_ loop.Preparer[Snapshot]               = &steps{}
)

// Gather reads the cluster.
func (s *steps) Gather(ctx context.Context, set types.NamespacedName) (*Snapshot, error) {
	return s.gatherer.snapshot(ctx, set)
}

// Plan decides what to do.
func (*steps) Plan(at *Snapshot) (*Plan, error) { return makePlan(at) }

// Apply carries a plan out.
func (s *steps) Apply(ctx context.Context, at *Snapshot, plan *Plan) *Outcome {
	outcome := s.executor.apply(ctx, at.Set, plan)
	s.executor.pull(ctx, at, plan, outcome)
	return outcome
}

// Note remembers and counts what came of a plan.
func (s *steps) Note(_ logr.Logger, at *Snapshot, plan *Plan, outcome *Outcome) {
	s.gatherer.memory.note(client.ObjectKeyFromObject(at.Set), outcome, at.Now)
	s.gatherer.waiters.Wait(client.ObjectKeyFromObject(at.Set), plan.Rollout.DisruptionBudgets)
	observe(outcome)
}

// Report says what is to be told.
func (*steps) Report(at *Snapshot, plan *Plan, outcome *Outcome) *loop.Report {
	return makeReport(at, plan, outcome)
}

// Invalid says why a set cannot be used.
func (*steps) Invalid(object client.Object, fault error, now time.Time) *loop.Report {
	set := object.(*v1beta1.StatefulSet)
	return statusReport(set, invalidStatus(set, fault, metav1.NewTime(now)))
}

// Observe counts what a status says.
func (*steps) Observe(r *loop.Report, written bool, now time.Time) { observeStatus(r, written, now) }

// Forget drops all that is remembered of a set that is gone.
func (s *steps) Forget(set types.NamespacedName) {
	s.gatherer.templates.forget(set)
	s.gatherer.memory.forget(set)
	s.gatherer.ledger.Keep(takerOf(set), nil)
	s.gatherer.waiters.Wait(set, nil)
	s.gatherer.pullers.Forget(set)
	rollouts.Forget(set)
	if s.remediator != nil {
		s.remediator.Forget(set)
	}
}

// Log tells what is about to be done.
func (p *Plan) Log(log logr.Logger) {
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
	for _, s := range p.Pulls.Starts {
		log.Info(s.String())
	}
	for _, e := range p.Pulls.Ends {
		log.Info(e.String())
	}
}
