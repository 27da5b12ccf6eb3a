// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/series"
)

var writes = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "windlass_statefulset_writes_total",
	Help: "What StatefulSets had done to Pods and claims, by result: created and deleted (Pods), updated (a Pod changed in place), " +
		"changed (any other write to a Pod that stays), claimed (a claim changed), owned (a Pod adopted or released), " +
		"failed (the API server refused), stale (the object had changed; it is planned anew).",
}, []string{"result"})

var rollouts = series.NewRollouts(series.InNamespaces("statefulset"), "StatefulSets",
	"wanted (replicas), updated (at the update revision), ready, available, updated_available (both), waiting (for their update), limited "+
		"(they stay without a part of the update revision).")

func init() { metrics.Registry.MustRegister(writes) }

// observe counts what came of a plan.
func observe(outcome *Outcome) {
	updated := len(updatedInPlace(outcome))
	for result, n := range map[string]int{
		"created": len(outcome.Created), "deleted": len(outcome.Deleted),
		"updated": updated, "changed": len(outcome.Changed) - updated,
		"claimed": len(outcome.Claimed), "owned": len(outcome.Owned),
		"failed": len(outcome.CreateErrors) + len(outcome.changeErrors()), "stale": outcome.Stale,
	} {
		writes.WithLabelValues(result).Add(float64(n))
	}
}

// observeStatus counts what a status says, whether that was written or not, and what a written one brings.
func observeStatus(r *loop.Report, written bool, now time.Time) {
	set, before, after := client.ObjectKeyFromObject(r.Object), r.Object.(*v1beta1.StatefulSet), r.Updated.(*v1beta1.StatefulSet)
	rollouts.Show(set, standingIn(&after.Status), r.Pods)
	if written {
		rollouts.Count(set, standingIn(&before.Status), standingIn(&after.Status), now)
	}
}
