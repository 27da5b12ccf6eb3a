// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

var (
	writes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_sidecarset_writes_total",
		Help: "What SidecarSets had done to Pods and revisions, by result: updated and finished (a Pod changed in place, a hot upgrade ended), " +
			"held (a Pod taken out of service before its update, or brought back), " +
			"evicted, protected (a PodDisruptionBudget or a policy kept the Pod from eviction), failed (the API server " +
			"refused), stale (the object had changed; it is planned anew).",
	}, []string{"result"})

	uninjectedPods = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "windlass_sidecarset_uninjected_pods",
		Help: "Live Pods that a SidecarSet selects and that run without its sidecars. A set that misses none has no series.",
	}, []string{"sidecarset"})

	waitingPods = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "windlass_sidecarset_waiting_pods",
		Help: "Pods that wait for their update by a SidecarSet, by the first thing that they wait for. What none waits for has no series.",
	}, []string{"sidecarset", "reason"})

	stalled = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "windlass_sidecarset_stalled",
		Help: "1 for every SidecarSet that cannot go on without a person. Others have no series.",
	}, []string{"sidecarset"})
)

func init() {
	metrics.Registry.MustRegister(writes, uninjectedPods, waitingPods, stalled)
}

func observe(s *Snapshot, outcome *Outcome) {
	for result, n := range map[string]int{
		"updated": len(outcome.Updated), "held": len(outcome.Held), "finished": len(outcome.Finished), "evicted": len(outcome.Evicted),
		"protected": len(outcome.Kept), "failed": len(outcome.Failed) + len(outcome.Refused), "stale": outcome.Stale,
	} {
		writes.WithLabelValues(result).Add(float64(n))
	}
	if len(s.Uninjected) == 0 {
		uninjectedPods.DeleteLabelValues(s.Set.Name())
		return
	}
	uninjectedPods.WithLabelValues(s.Set.Name()).Set(float64(len(s.Uninjected)))
}

// observeStatus counts what a status says, whether that was written or not: whether the set is stalled, and how many Pods
// wait for what.
func observeStatus(name string, status *v1beta1.SidecarSetStatus) {
	for _, reason := range waitingReasons {
		at := slices.IndexFunc(status.Waiting, func(w v1beta1.WaitingPods) bool { return w.Reason == reason })
		if at < 0 {
			waitingPods.DeleteLabelValues(name, reason)
			continue
		}
		waitingPods.WithLabelValues(name, reason).Set(float64(status.Waiting[at].Pods))
	}
	if meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionStalled) {
		stalled.WithLabelValues(name).Set(1)
	} else {
		stalled.DeleteLabelValues(name)
	}
}

// forgetMetrics drops the series of a set that is gone.
func forgetMetrics(name string) {
	uninjectedPods.DeleteLabelValues(name)
	waitingPods.DeletePartialMatch(prometheus.Labels{"sidecarset": name})
	stalled.DeleteLabelValues(name)
}
