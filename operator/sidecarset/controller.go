// SPDX-License-Identifier: Apache-2.0

// Package sidecarset is the controller of SidecarSets: it rolls new sidecar images out inside running Pods and reports
// what it sees.
//
// Data flows one way: cluster state -> Snapshot (gather.go) -> Plan (plan.go)
// -> Outcome (apply.go) -> Status (status.go). Only gather.go reads the
// cluster and only apply.go writes to it.
package sidecarset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/pullers"
)

// PodLabelIndex is the cache index of Pods by each label of sidecar.IndexedLabel, written as sidecar.LabelPair does.
const PodLabelIndex = "labels"

// PodOpenIndex is the cache index of Pods by the SidecarSets of sidecar.OpenUpdates.
const PodOpenIndex = "sidecarsets-open"

// RevisionIndex is the cache index of ControllerRevisions by the name of the SidecarSet that their label says. Without it
// each look at a set would go through the revisions of all.
const RevisionIndex = "sidecarset"

// Options tune the controller.
type Options struct {
	// Workers is how many SidecarSets are handled at once.
	Workers int
	// Parallel is how many Pods of one set are written to at once at most. Default 16.
	Parallel int
	// Namespace is where the revisions of SidecarSets are kept.
	Namespace string
	// ExcludedNamespaces are those that the Pod webhooks never serve.
	ExcludedNamespaces []string
	// CanResize reports whether the API server can resize running Pods.
	CanResize bool
	// Ledger has what is taken from the budgets of Pods by all controllers of this process. Default: one of its own.
	Ledger *ledger.Ledger
	// ImagePreDownload is the policy of sets that have none of their own. Default Off.
	ImagePreDownload v1beta1.ImagePreDownloadPolicy
	// Pulls is what is remembered of pulls of images, one for all controllers. Default: one of its own.
	Pulls *pullers.Memory
	// WebhookService is the Service of the Pod webhook, in Namespace. Default: the webhook is taken to answer always.
	WebhookService string
}

// Add wires the controller into a manager, whose client must read its own writes.
func Add(ctx context.Context, mgr manager.Manager, options Options) error {
	if err := AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	_, err := New(loop.Of(mgr), options).Build(mgr, options.Workers)
	return err
}

// New makes the controller. The cluster's cache must have the indexes of AddIndexes.
func New(cluster loop.Cluster, options Options) loop.Controller {
	index, history, waiters := newSharedIndex(), newHistory(cluster.Clock), ledger.NewWaiters()
	pulls := pullers.New(cluster, "SidecarSet", options.Pulls)
	s := &steps{
		gatherer: gatherer{
			reader: cluster.Client, clock: cluster.Clock, namespace: options.Namespace,
			canResize: options.CanResize, memory: newMemory(), history: history, sets: index.Index,
			excluded: sets.New(options.ExcludedNamespaces...), pullers: pulls, preDownload: options.ImagePreDownload,
			ledger: cmp.Or(options.Ledger, ledger.New()), waiters: waiters,
		},
		executor: executor{
			writer: cluster.Client, pullers: pulls, namespace: options.Namespace, parallel: cmp.Or(options.Parallel, 16),
		},
	}
	if options.WebhookService != "" {
		s.gatherer.webhook = webhookReplicas{live: cluster.Live, namespace: options.Namespace, service: options.WebhookService}
	}
	return loop.Controller{
		Name:       "sidecarset",
		Reconciler: loop.New(cluster, s, loop.Options{Kind: "SidecarSet", WriteEvery: time.Second}),
		Watches: []loop.Watch{
			{Object: &v1beta1.SidecarSet{}, Handler: setHandler{index, history}},
			{Object: &corev1.Pod{}, Handler: podHandler{index, history}},
			{Object: &corev1.Namespace{}, Handler: namespaceHandler{index, history}},
			{Object: &appsv1.ControllerRevision{}, Handler: revisionHandler{index}},
			waiters.Watch(),
		},
	}
}

// AddIndexes adds the cache indexes of this controller.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	if err := indexer.IndexField(ctx, &corev1.Pod{}, PodLabelIndex, podLabels); err != nil {
		return fmt.Errorf("index Pods by label: %w", err)
	}
	if err := indexer.IndexField(ctx, &appsv1.ControllerRevision{}, RevisionIndex, revisionSet); err != nil {
		return fmt.Errorf("index revisions by SidecarSet: %w", err)
	}
	return apply.Wrap(indexer.IndexField(ctx, &corev1.Pod{}, PodOpenIndex, podOpen), "index Pods by SidecarSets that hold them")
}

func revisionSet(object client.Object) []string {
	if name := object.GetLabels()[v1beta1.SidecarSetNameLabel]; name != "" {
		return []string{name}
	}
	return nil
}

func podOpen(object client.Object) []string { return sidecar.OpenUpdates(object.(*corev1.Pod)) }

func podLabels(object client.Object) []string {
	out := make([]string, 0, len(object.GetLabels()))
	for key, value := range object.GetLabels() {
		if sidecar.IndexedLabel(key) {
			out = append(out, sidecar.LabelPair(key, value))
		}
	}
	return out
}

// steps are those of a look at a SidecarSet.
type steps struct {
	gatherer gatherer
	executor executor
}

var _ loop.Steps[Snapshot, *Plan, *Outcome] = &steps{}

// Gather reads the cluster.
func (s *steps) Gather(ctx context.Context, set types.NamespacedName) (*Snapshot, error) {
	s.gatherer.history.begin()
	return s.gatherer.snapshot(ctx, set.Name)
}

// Plan decides what to do.
func (*steps) Plan(at *Snapshot) (*Plan, error) { return makePlan(at) }

// Apply carries a plan out.
func (s *steps) Apply(ctx context.Context, at *Snapshot, plan *Plan) *Outcome {
	outcome := s.executor.apply(ctx, plan)
	s.executor.pull(ctx, at, plan, outcome)
	return outcome
}

// Note remembers, counts and logs what came of a plan.
func (s *steps) Note(log logr.Logger, at *Snapshot, plan *Plan, outcome *Outcome) {
	outcome.log(log)
	s.gatherer.memory.note(at, plan, outcome)
	s.gatherer.waiters.Wait(client.ObjectKeyFromObject(at.Set.Object), plan.DisruptionBudgets)
	observe(outcome)
}

// Report says what is to be told.
func (*steps) Report(at *Snapshot, plan *Plan, outcome *Outcome) *loop.Report {
	return makeReport(at, plan, outcome)
}

// Invalid says why a set cannot be used.
func (*steps) Invalid(object client.Object, fault error, now time.Time) *loop.Report {
	set := object.(*v1beta1.SidecarSet)
	return statusReport(set, invalidStatus(set, fault, metav1.NewTime(now)))
}

// Observe counts what a status says.
func (*steps) Observe(r *loop.Report, written bool, now time.Time) { observeStatus(r, written, now) }

// Forget drops all that is remembered of a set that is gone.
func (s *steps) Forget(set types.NamespacedName) {
	s.gatherer.memory.forget(set)
	s.gatherer.ledger.Keep(takerOf(set.Name), nil)
	s.gatherer.waiters.Wait(set, nil)
	s.gatherer.pullers.Forget(set)
	rollouts.Forget(set)
}

// Log tells what is about to be done.
func (p *Plan) Log(log logr.Logger) {
	for _, u := range slices.Concat(p.Completions, p.Updates, p.Finishes) {
		log.Info(u.String())
	}
	for _, s := range p.Pulls.Starts {
		log.Info(s.String())
	}
	for _, e := range p.Pulls.Ends {
		log.Info(e.String())
	}
	for _, h := range p.Holds {
		log.Info(h.String())
	}
}
