// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	injections = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "windlass_webhook_injections_total",
		Help: "Pods that sidecars were injected into.",
	})
	failures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "windlass_webhook_injection_failures_total",
		Help: "Pods that got no sidecar because of an error of the webhook: they were let through without or, where " +
			"injection is enforced, not created.",
	})
	schedPatches = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_webhook_schedpatches_total",
		Help: "SchedPatches that were for a new Pod, by what became of them: Applied, Skipped or Rejected.",
	}, []string{"outcome"})
)

func init() {
	metrics.Registry.MustRegister(injections, failures, schedPatches)
}
