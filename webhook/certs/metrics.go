// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	expiry = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "windlass_webhook_certificate_expiry_timestamp_seconds",
		Help: "When the certificate that is served expires, in seconds since 1970. 0 while there is none.",
	})
	untrusting = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "windlass_webhook_ca_mismatches",
		Help: "Webhooks in the webhook configurations whose caBundle does not trust the certificate that the provider has made last. " +
			"Above 0 for longer than a few minutes, somebody fails to keep the CA in the configurations.",
	})
)

var secretMissing = prometheus.NewGauge(prometheus.GaugeOpts{
	Name: "windlass_webhook_certificate_secret_missing",
	Help: "1 while the Secret of the certificates that the webhook makes itself is gone: what it held is served on from memory, " +
		"and is put back within seconds if that is permitted.",
})

func init() {
	metrics.Registry.MustRegister(expiry, untrusting, secretMissing)
}

// measure shows what is served until when, and how many webhooks distrust what the provider has made.
func measure(chosen choice, s *state, now time.Time) {
	expiry.Set(0)
	if chosen.serve != nil {
		expiry.Set(float64(chosen.serve.Leaf.NotAfter.Unix()))
	}
	webhooks := s.webhooks()
	trusting := 0
	if own := s.latest(s.provider); own != nil {
		trusting = trustedBy(webhooks, own.chain, s.host, now)
	}
	untrusting.Set(float64(len(webhooks) - trusting))
}
