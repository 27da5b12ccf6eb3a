// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var waits = prometheus.NewHistogram(prometheus.HistogramOpts{
	Name: "windlass_webhook_freshness_seconds",
	Help: "How long Pods of namespaces whose injection is enforced waited until the replica knew all SidecarSets as they " +
		"were when the Pod came. " +
		"2 s is the most; then the Pod is refused.",
	Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2},
})

func init() {
	metrics.Registry.MustRegister(waits)
}
