// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// Why requests are refused before a handler sees them, as the metric has it.
const (
	refusedClient = "ClientCertificate"
	refusedLarge  = "TooLarge"
	refusedBusy   = "Busy"
	refusedSlow   = "Slow"
)

// Why connections are closed on their peers.
const (
	// closedRefused: the address has too many, and all are at work.
	closedRefused = "TooMany"
	// closedForAnother: it waited the longest, and another one needed its place.
	closedForAnother = "Replaced"
)

var (
	refusedRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_webhook_refused_requests_total",
		Help: "Requests that were refused before anything looked into them: ClientCertificate (none that is trusted), TooLarge, " +
			"Busy (answered 503) or Slow (the body did not come in time).",
	}, []string{"reason"})
	closedConnections = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_webhook_closed_connections_total",
		Help: "Connections that were closed because there were too many of their address: TooMany (at once) or Replaced (for a new one).",
	}, []string{"reason"})
	openConnections = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "windlass_webhook_open_connections",
		Help: "Connections that are open to the port that API servers call.",
	})
)

func init() {
	metrics.Registry.MustRegister(refusedRequests, closedConnections, openConnections)
	for _, reason := range []string{refusedClient, refusedLarge, refusedBusy, refusedSlow} {
		refusedRequests.WithLabelValues(reason)
	}
	for _, reason := range []string{closedRefused, closedForAnother} {
		closedConnections.WithLabelValues(reason)
	}
}
