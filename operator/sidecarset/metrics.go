// SPDX-License-Identifier: Apache-2.0

package sidecarset

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
	Name: "windlass_sidecarset_writes_total",
	Help: "What SidecarSets had done to Pods and revisions, by result: updated and finished (a Pod changed in place, a hot upgrade ended), " +
		"held (a Pod taken out of service before its update, or brought back), " +
		"evicted, protected (a PodDisruptionBudget or a policy kept the Pod from eviction), failed (the API server " +
		"refused), stale (the object had changed; it is planned anew).",
}, []string{"result"})

var (
	objects  = series.OfCluster("sidecarset")
	rollouts = series.NewRollouts(objects, "SidecarSets",
		"matched (they have the sidecars), updated (at the current version), ready, updated_ready (both), uninjected (they should have the "+
			"sidecars, and have not), waiting (for their update), limited (they stay without a part of the current version).")
	waitingPods = objects.Gauge("windlass_sidecarset_waiting_pods",
		"Pods that wait for their update by a SidecarSet, by the first thing that they wait for. What none waits for has no series.", "reason")
)

func init() { metrics.Registry.MustRegister(writes) }

// observe counts what came of a plan.
func observe(outcome *Outcome) {
	for result, n := range map[string]int{
		"updated": len(outcome.Updated), "held": len(outcome.Held), "finished": len(outcome.Finished), "evicted": len(outcome.Evicted),
		"protected": len(outcome.Kept), "failed": len(outcome.Failed) + len(outcome.Refused), "stale": outcome.Stale,
	} {
		writes.WithLabelValues(result).Add(float64(n))
	}
}

// observeStatus counts what a status says, whether that was written or not, and what a written one brings.
func observeStatus(r *loop.Report, written bool, now time.Time) {
	set, before, after := client.ObjectKeyFromObject(r.Object), r.Object.(*v1beta1.SidecarSet), r.Updated.(*v1beta1.SidecarSet)
	rollouts.Show(set, standingOf(&after.Status), r.Pods)
	waiting := make(map[string]float64, len(after.Status.Waiting))
	for _, w := range after.Status.Waiting {
		waiting[w.Reason] = float64(w.Pods)
	}
	waitingPods.SetEach(set, waiting)
	if written {
		rollouts.Count(set, standingOf(&before.Status), standingOf(&after.Status), now)
	}
}
