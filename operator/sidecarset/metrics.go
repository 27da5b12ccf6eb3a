package sidecarset

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	writes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_sidecarset_writes_total",
		Help: "What SidecarSets had done to Pods and revisions, by result: updated and finished (a Pod changed in place, a hot upgrade ended), " +
			"evicted, protected (a PodDisruptionBudget or a policy kept the Pod from eviction), failed (the API server refused), stale (the object had changed; it is planned anew).",
	}, []string{"result"})

	uninjectedPods = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "windlass_sidecarset_uninjected_pods",
		Help: "Live Pods that a SidecarSet selects and that run without its sidecars. A set that misses none has no series.",
	}, []string{"sidecarset"})
)

func init() {
	metrics.Registry.MustRegister(writes, uninjectedPods)
}

func observe(s *Snapshot, outcome *Outcome) {
	for result, n := range map[string]int{
		"updated": len(outcome.Updated), "finished": len(outcome.Finished), "evicted": len(outcome.Evicted),
		"protected": len(outcome.Kept), "failed": len(outcome.Failed) + len(outcome.Refused), "stale": outcome.Stale,
	} {
		writes.WithLabelValues(result).Add(float64(n))
	}
	if len(s.Uninjected) == 0 {
		forgetMetrics(s.Set.Name())
		return
	}
	uninjectedPods.WithLabelValues(s.Set.Name()).Set(float64(len(s.Uninjected)))
}

func forgetMetrics(name string) {
	uninjectedPods.DeleteLabelValues(name)
}
