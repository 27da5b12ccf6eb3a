// SPDX-License-Identifier: Apache-2.0

// Package sidecarset is the controller of SidecarSets: it rolls new sidecar images out inside running Pods and reports
// what it sees.
//
// Data flows one way: cluster state -> Snapshot (snapshot.go) -> Plan (plan.go)
// -> Outcome (apply.go) -> Status (status.go). Only snapshot.go reads the
// cluster and only apply.go writes to it.
package sidecarset

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/refusal"
	"github.com/windlass-operator/windlass/operator/report"
)

// PodLabelIndex is the cache index of Pods by each of their labels, written as sidecar.LabelPair does.
const PodLabelIndex = "labels"

// Options tune the controller.
type Options struct {
	// Workers is how many SidecarSets are handled at once.
	Workers int
	// Namespace is where the revisions of SidecarSets are kept.
	Namespace string
	// ExcludedNamespaces are those that the Pod webhooks never serve.
	ExcludedNamespaces []string
	// CanResize reports whether the API server can resize running Pods.
	CanResize bool
	// WebhookService is the Service of the Pod webhook, in Namespace. Default: the webhook is taken to answer always.
	WebhookService string
}

// reconciler walks a SidecarSet through snapshot, plan, apply and status.
type reconciler struct {
	gatherer  gatherer
	executor  executor
	recorder  *report.Recorder
	pace      *report.Pace
	evictions *evictions
	refusals  *refusal.Memory
	history   *matchHistory
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
	index := newSharedIndex()
	evictions, refusals, history := newEvictions(), refusal.NewMemory(), newHistory(cluster.Clock)
	r := &reconciler{
		gatherer: gatherer{
			reader: cluster.Client, clock: cluster.Clock, namespace: options.Namespace,
			canResize: options.CanResize, evictions: evictions, refusals: refusals, history: history, sets: index.Index,
			excluded: sets.New(options.ExcludedNamespaces...),
		},
		executor:  executor{writer: cluster.Client, namespace: options.Namespace, parallel: 16},
		recorder:  report.NewRecorder(cluster.Recorder),
		pace:      report.NewPace(time.Second),
		evictions: evictions, refusals: refusals, history: history,
	}
	if options.WebhookService != "" {
		r.gatherer.webhook = webhookReplicas{live: cluster.Live, namespace: options.Namespace, service: options.WebhookService}
	}
	return loop.Controller{
		Name:       "sidecarset",
		Reconciler: r,
		Watches: []loop.Watch{
			{Object: &v1beta1.SidecarSet{}, Handler: setHandler{index, history}},
			{Object: &corev1.Pod{}, Handler: podHandler{index, history}},
			{Object: &corev1.Namespace{}, Handler: namespaceHandler{index, history}},
			{Object: &appsv1.ControllerRevision{}, Handler: revisionHandler{index}},
		},
	}
}

// AddIndexes adds the cache indexes of this controller.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	return apply.Wrap(indexer.IndexField(ctx, &corev1.Pod{}, PodLabelIndex, podLabels), "index Pods by label")
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
	r.history.begin()
	// Reading waits for the cache to have seen our own writes. Should it never, a word in the log is better than a
	// worker that hangs.
	reading, cancel := context.WithTimeout(ctx, time.Minute)
	snapshot, err := r.gatherer.snapshot(reading, request.Name)
	cancel()
	if invalid := (*invalidError)(nil); errors.As(err, &invalid) {
		return reconcile.Result{}, cmp.Or(r.reportInvalid(ctx, invalid.object, err), reconcile.TerminalError(err))
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if snapshot == nil {
		r.forget(request)
		return reconcile.Result{}, nil
	}
	plan, err := makePlan(snapshot)
	if err != nil {
		return reconcile.Result{}, reconcile.TerminalError(err)
	}
	plan.log(log)
	outcome := r.executor.apply(ctx, plan)
	outcome.log(log)
	r.remember(snapshot, plan, outcome)
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

// forget drops all that is remembered of a set that is gone.
func (r *reconciler) forget(request reconcile.Request) {
	r.pace.Forget(request.NamespacedName)
	r.recorder.Forget(request.NamespacedName)
	r.evictions.forget(request.Name)
	r.refusals.Forget(request.NamespacedName)
	forgetMetrics(request.Name)
}

// remember keeps what the next snapshots cannot see in the cluster.
func (r *reconciler) remember(s *Snapshot, plan *Plan, outcome *Outcome) {
	r.rememberEvictions(s, plan, outcome)
	note := func(u UpdatePod, write string, err error) {
		r.refusals.Note(client.ObjectKeyFromObject(s.Set.Object), u.View.Pod.UID, refusalKey(s.Set, write), err, s.Now)
	}
	for _, refused := range outcome.Refused {
		note(refused.UpdatePod, refused.Write, refused.Err)
	}
	for write, done := range map[string][]UpdatePod{writeUpdate: outcome.Updated, writeResize: outcome.Completed, writeFinish: outcome.Finished} {
		for _, u := range done {
			note(u, write, nil)
		}
	}
}

const (
	// collided is how long the next name of a revision waits for its try.
	collided = time.Second
	// eachTry is how much time is left to others for each refused write when there is nothing else to try than what
	// was, or probably is, refused too.
	eachTry = 200 * time.Millisecond
	// unblocked is how long to wait at most while Pods take up shares of maxUnavailable: what became of their nodes
	// brings no event of its own. Others may wait for their shares, and a rollout for them to be excused.
	unblocked = 30 * time.Second
)

// lookAgainIn is when to look again though nothing happens, because of what the API server refused; 0 for never. A
// refused Pod gives its turn to the next one at once.
func lookAgainIn(s *Snapshot, plan *Plan, outcome *Outcome) time.Duration {
	due := s.Refusals.DueIn(s.Now)
	switch n := len(outcome.Refused); {
	case outcome.Collided:
		return collided
	case n > 0 && plan.Elsewhere > 0:
		return time.Millisecond
	case n > 0:
		return time.Duration(n) * eachTry
	case len(plan.Blockers) > 0:
		return earlier(due, unblocked)
	}
	return due
}

// earlier is the shorter of two spans, of which 0 means never.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// rememberEvictions keeps what was evicted, what that was good
// for, and what the API server refused.
func (r *reconciler) rememberEvictions(s *Snapshot, plan *Plan, outcome *Outcome) {
	name := client.ObjectKeyFromObject(s.Set.Object)
	r.evictions.learn(name.Name, s.Set.Hashes.Full, plan.Futile)
	for _, e := range outcome.Evicted {
		r.evictions.note(name.Name, evictedNow(s, e))
		r.refusals.Note(name, e.Pod.UID, evictWrite, nil, s.Now)
		r.refusals.Note(name, e.owner(), evictWrite, nil, s.Now)
	}
	for _, tried := range outcome.Kept {
		object := tried.Pod.UID
		if tried.ByBudget() {
			object = tried.owner()
		}
		r.refusals.Note(name, object, evictWrite, tried.Err, s.Now)
	}
}

// repairIn is when repair may be able to go on though nothing happens to the Pods, 0 when it is not held up.
func repairIn(plan *Plan, outcome *Outcome) time.Duration {
	if len(outcome.Kept) > 0 {
		return repairEvery
	}
	return plan.RepairIn
}

// soonest is the shortest of some spans, of which 0 means never, in whole seconds, rounded up.
func soonest(spans ...time.Duration) time.Duration {
	shortest := time.Duration(0)
	for _, span := range spans {
		shortest = earlier(shortest, span)
	}
	return (shortest + time.Second - time.Nanosecond).Truncate(time.Second)
}

// log tells what is about to be done.
func (p *Plan) log(log logr.Logger) {
	for _, u := range slices.Concat(p.Completions, p.Updates, p.Finishes) {
		log.Info(u.String())
	}
}

// log tells which Pods were evicted: a plan names all that may be.
func (o *Outcome) log(log logr.Logger) {
	for _, e := range o.Evicted {
		log.Info(e.String())
	}
	for _, tried := range o.Kept {
		log.V(1).Info("not evicted: "+podName(tried.Pod), "answer", tried.Err.Error())
	}
}

// reportInvalid writes the status of a set that cannot be used, and what is to be told of it.
func (r *reconciler) reportInvalid(ctx context.Context, object *v1beta1.SidecarSet, fault error) error {
	status := invalidStatus(object, fault, metav1.NewTime(r.gatherer.clock.Now()))
	observeStalled(object.Name, status)
	written, err := r.executor.writeStatus(ctx, object, status)
	if written {
		r.recorder.RecordChange(ctrl.LoggerFrom(ctx), object, standingOf(&object.Status), standingOf(status))
	}
	return err
}

// report writes status and events. While Pods change fast the status is written about once a second. It returns when to
// look again though nothing happens: to write what was held back, or because the deadline will be over.
func (r *reconciler) report(ctx context.Context, s *Snapshot, plan *Plan, outcome *Outcome) (time.Duration, error) {
	status, deadline := makeStatus(s, plan, outcome)
	wait := earlier(soonest(deadline, repairIn(plan, outcome), plan.StatusIn), lookAgainIn(s, plan, outcome))
	observeStalled(s.Set.Name(), status)
	if pause := r.pace.Wait(client.ObjectKeyFromObject(s.Set.Object), s.Now); pause > 0 && s.Set.Object.Status.ObservedGeneration == s.Set.Object.Generation {
		r.recorder.Record(s.Set.Object, s.Now, roundEvents(s, plan, outcome)...)
		return earlier(wait, pause), nil
	}
	written, err := r.executor.writeStatus(ctx, s.Set.Object, status)
	if err != nil {
		return 0, client.IgnoreNotFound(err)
	}
	if written {
		r.recorder.RecordChange(ctrl.LoggerFrom(ctx), s.Set.Object, standingOf(&s.Set.Object.Status), standingOf(status))
		r.pace.Note(client.ObjectKeyFromObject(s.Set.Object), s.Now)
	}
	r.recorder.Record(s.Set.Object, s.Now, roundEvents(s, plan, outcome)...)
	return wait, nil
}
