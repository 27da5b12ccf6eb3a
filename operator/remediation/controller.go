// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"context"
	"sync"

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

// Remediator looks after the stuck Pods of StatefulSets. It may be called from many goroutines, and has no memory that
// matters.
type Remediator struct {
	gatherer gatherer
	executor executor
	asker    Asker
	teller   *teller
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
		teller:   newTeller(cluster.Recorder),
	}
}

// maxSteps is how many steps one look takes at most. From nothing to a deletion there are five: record, ask, count
// anew, delete, and see that it is done.
const maxSteps = 8

// Concerns reports whether a set asks for auto remediation, or has left something to clean up since it did.
func (r *Remediator) Concerns(ctx context.Context, set *v1beta1.StatefulSet) (bool, error) {
	facts := Facts{Set: set}
	if facts.enabled() {
		return true, nil
	}
	patch, _, err := r.gatherer.ours(ctx, set)
	return patch != nil, err
}

// Look does all that is to be done about the stuck Pods of a set now, and tells how it stands. A nil verdict is that
// there is nothing to tell. After an error nothing is known; what is under way goes on with the next look.
func (r *Remediator) Look(ctx context.Context, facts *Facts) (*Verdict, error) {
	if quiet, err := r.quiet(ctx, facts); err != nil || quiet {
		return nil, err
	}
	var served *Answer
	var refusal *Refusal
	var s *Snapshot
	var plan *Plan
	deleted := false
	for range maxSteps {
		var err error
		if s, plan, err = r.step(ctx, facts, served, refusal); plan == nil {
			return nil, err
		}
		switch {
		case err != nil && outdated(err):
			continue
		case err != nil:
			ctrl.LoggerFrom(ctx).Error(err, "remediation: the API server refused this")
			if refusal = refusalOf(plan.Delete, err); refusal == nil {
				return r.verdict(s, plan, err.Error(), deleted), nil
			}
			continue
		case plan.Write != nil:
			refusal = nil // it is recorded now, if it is still of interest
		case plan.Ask:
			served = r.asker.Ask(ctx, s.Patch)
		case plan.idle():
			return r.verdict(s, plan, "", deleted), nil
		}
		deleted = deleted || plan.Delete != nil
	}
	v := r.verdict(s, plan, "", deleted)
	v.LookAgainIn = 1
	return v, nil
}

// step takes one step: gathers, decides and writes. It returns the plan with the error of carrying it out.
func (r *Remediator) step(ctx context.Context, facts *Facts, served *Answer, refusal *Refusal) (*Snapshot, *Plan, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.gatherer.snapshot(ctx, facts, served)
	if err != nil {
		return nil, nil, err
	}
	s.Refusal = refusal
	plan := decide(s)
	if err := r.executor.apply(ctx, s, plan); err != nil {
		return s, plan, err
	}
	plan.log(ctrl.LoggerFrom(ctx), s)
	r.teller.deeds(s, plan)
	return s, plan, nil
}

// verdict tells of a look that is over.
func (r *Remediator) verdict(s *Snapshot, plan *Plan, refused string, deleted bool) *Verdict {
	v := makeVerdict(s, plan, refused)
	v.Deleted = deleted
	r.teller.stand(s, plan, v)
	observeStand(s, plan)
	return v
}

// quiet reports whether nothing of a set is in our hands, nor will be soon.
func (r *Remediator) quiet(ctx context.Context, facts *Facts) (bool, error) {
	if facts.enabled() {
		for i := range facts.Pods {
			pod := &facts.Pods[i]
			if !pod.Right {
				continue
			}
			switch look(pod.Pod).kind {
			case ambiguous, nodeRefused:
				return false, nil
			case unscheduled: // an exclusion may keep it from its node that nothing else remembers
				if marked(pod.Pod, PatchName(facts.Set.Name)) {
					return false, nil
				}
			}
		}
	}
	patch, _, err := r.gatherer.ours(ctx, facts.Set)
	if err == nil && patch == nil {
		r.Forget(types.NamespacedName{Namespace: facts.Set.Namespace, Name: facts.Set.Name})
	}
	return patch == nil, err
}

// Forget drops what is remembered of a set that is gone: what was told of it.
func (r *Remediator) Forget(set types.NamespacedName) {
	r.teller.forget(set)
	forgetMetrics(set)
}
