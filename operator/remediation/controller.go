// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/loop"
)

// patchKind is that of what nodes are excluded by.
var patchKind = v1alpha1.GroupVersion.WithKind("SchedPatch")

// Options tell where the webhooks are, and what namespaces they do not serve.
type Options struct {
	Webhooks Webhooks
	// Asker asks the webhooks. Default: each ready replica at Webhooks is asked.
	Asker Asker
	// ExcludedNamespaces are those that the Pod webhooks never serve.
	ExcludedNamespaces []string
	// Namespace is the operator's own, where tenants write nothing.
	Namespace string
}

// Remediator replaces the stuck Pods of StatefulSets. It may be called from many goroutines, and has no memory that
// matters.
type Remediator struct {
	gatherer gatherer
	executor executor
	asker    Asker
	recorder *recorder
	// mu is held while limits are read, a decision is taken and written, so that two sets do not both take the last of
	// what is left, and neither loses what the other one enters in the ledger. Webhooks are asked without it.
	mu sync.Mutex
}

// New makes a Remediator for a cluster.
func New(cluster loop.Cluster, options Options) *Remediator {
	asker := options.Asker
	if asker == nil {
		asker = &replicas{live: cluster.Live, at: options.Webhooks}
	}
	return &Remediator{
		gatherer: gatherer{
			reader: cluster.Client, live: cluster.Live, mapper: cluster.Mapper, clock: cluster.Clock,
			home: options.Namespace, excluded: sets.New(options.ExcludedNamespaces...),
		},
		executor: executor{writer: cluster.Client, home: options.Namespace},
		asker:    asker,
		recorder: newRecorder(cluster.Recorder),
	}
}

// maxSteps is how many steps one call takes at most. From nothing to a deletion there are five: record, ask, count
// again, delete, and see that it is done.
const maxSteps = 8

// Concerns reports whether a set asks for auto remediation, or has left something to clean up since it did.
func (r *Remediator) Concerns(ctx context.Context, set *v1beta1.StatefulSet) (bool, error) {
	input := Input{Set: set}
	if input.enabled() {
		return true, nil
	}
	patch, _, err := r.gatherer.ours(ctx, set)
	return patch != nil, err
}

// Remediate does all that is to be done about the stuck Pods of a set now, and says how it stands. A nil result means
// that there is nothing to say. After an error nothing is known; what is under way goes on with the next call.
func (r *Remediator) Remediate(ctx context.Context, input *Input) (*Result, error) {
	if nothing, err := r.nothingToDo(ctx, input); err != nil || nothing {
		return nil, err
	}
	var before earlier
	var s *Snapshot
	var plan *Plan
	deleted := false
	for range maxSteps {
		var err error
		if s, plan, err = r.step(ctx, input, before); plan == nil {
			return nil, err
		}
		switch {
		case err != nil && outdated(err):
			continue
		case err != nil:
			ctrl.LoggerFrom(ctx).Error(err, "remediation: the API server refused this")
			if before.refusal = refusalOf(plan.Delete, err); before.refusal == nil {
				return r.finish(s, plan, err.Error(), deleted), nil
			}
			continue
		case plan.Write != nil:
			before.refusal = nil // it is recorded now, if it is still of interest
		case plan.Ask:
			before.served = r.asker.Ask(ctx, s.Patch)
		case plan.idle():
			return r.finish(s, plan, "", deleted), nil
		}
		deleted = deleted || plan.Delete != nil
	}
	plan.RequeueAfter = time.Second
	return r.finish(s, plan, "", deleted), nil
}

// step takes one step: gathers, decides and writes. It returns the plan with the error of carrying it out.
func (r *Remediator) step(ctx context.Context, input *Input, before earlier) (*Snapshot, *Plan, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.gatherer.snapshot(ctx, input, before)
	if err != nil {
		return nil, nil, err
	}
	plan := decide(s)
	if err := r.executor.apply(ctx, s, plan); err != nil {
		return s, plan, err
	}
	plan.log(ctrl.LoggerFrom(ctx), s)
	r.recorder.done(s, plan)
	return s, plan, nil
}

// finish says how it stands when no step is left to be taken now. refused is what the API server said against the last
// write, "" when it took it.
func (r *Remediator) finish(s *Snapshot, plan *Plan, refused string, deleted bool) *Result {
	result := makeResult(s, plan, refused, deleted)
	r.recorder.held(s, plan, result)
	observeExclusions(s, plan)
	return result
}

// nothingToDo reports whether nothing of a set is in our hands, nor will be soon.
func (r *Remediator) nothingToDo(ctx context.Context, input *Input) (bool, error) {
	if input.enabled() {
		for i := range input.Pods {
			pod := &input.Pods[i]
			if !pod.Right {
				continue
			}
			switch e := classify(pod); {
			case e.kind == nodeRefused, e.waits():
				return false, nil
			case e.kind == unscheduled: // an exclusion may keep it from its node that nothing else remembers
				if marked(pod.Pod, PatchName(input.Set.Name)) {
					return false, nil
				}
			}
		}
	}
	patch, _, err := r.gatherer.ours(ctx, input.Set)
	if err == nil && patch == nil {
		r.Forget(types.NamespacedName{Namespace: input.Set.Namespace, Name: input.Set.Name})
	}
	return patch == nil, err
}

// Forget drops what is remembered of a set that is gone.
func (r *Remediator) Forget(set types.NamespacedName) {
	r.recorder.forget(set)
	objects.Forget(set)
}
