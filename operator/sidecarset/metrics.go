package sidecarset

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	podUpdates = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_sidecarset_pod_updates_total",
		Help: "In-place updates of Pods by result: updated, failed (the API server refused), stale (the Pod had changed, the update is planned anew).",
	}, []string{"result"})

	uninjectedPods = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "windlass_sidecarset_uninjected_pods",
		Help: "Live Pods that a SidecarSet selects and that run without its sidecars. A set that misses none has no series.",
	}, []string{"sidecarset"})
)

func init() {
	metrics.Registry.MustRegister(podUpdates, uninjectedPods)
}

func observe(s *Snapshot, outcome *Outcome) {
	podUpdates.WithLabelValues("updated").Add(float64(len(outcome.Updated)))
	podUpdates.WithLabelValues("failed").Add(float64(len(outcome.Failed)))
	podUpdates.WithLabelValues("stale").Add(float64(outcome.Stale))
	if len(s.Uninjected) == 0 {
		forgetMetrics(s.Set.Name())
		return
	}
	uninjectedPods.WithLabelValues(s.Set.Name()).Set(float64(len(s.Uninjected)))
}

func forgetMetrics(name string) {
	uninjectedPods.DeleteLabelValues(name)
}
