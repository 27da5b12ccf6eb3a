// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

var (
	writes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_sidecarset_writes_total",
		Help: "What SidecarSets had done to Pods and revisions, by result: updated and finished (a Pod changed in place, a hot upgrade ended), " +
			"evicted, protected (a PodDisruptionBudget or a policy kept the Pod from eviction), failed (the API server " +
			"refused), stale (the object had changed; it is planned anew).",
	}, []string{"result"})

	uninjectedPods = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "windlass_sidecarset_uninjected_pods",
		Help: "Live Pods that a SidecarSet selects and that run without its sidecars. A set that misses none has no series.",
	}, []string{"sidecarset"})

	stalled = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "windlass_sidecarset_stalled",
		Help: "1 for every SidecarSet that cannot go on without a person. Others have no series.",
	}, []string{"sidecarset"})
)

func init() {
	metrics.Registry.MustRegister(writes, uninjectedPods, stalled)
}

func observe(s *Snapshot, outcome *Outcome) {
	for result, n := range map[string]int{
		"updated": len(outcome.Updated), "finished": len(outcome.Finished), "evicted": len(outcome.Evicted),
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

// observeStalled reports whether a set is stalled, whether that was written or not.
func observeStalled(name string, status *v1beta1.SidecarSetStatus) {
	if meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionStalled) {
		stalled.WithLabelValues(name).Set(1)
	} else {
		stalled.DeleteLabelValues(name)
	}
}

// forgetMetrics drops the series of a set that is gone.
func forgetMetrics(name string) {
	uninjectedPods.DeleteLabelValues(name)
	stalled.DeleteLabelValues(name)
}
