// SPDX-License-Identifier: Apache-2.0

package program

import (
	"crypto/tls"
	"fmt"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// GetCertificate finds the certificate to serve, as tls.Config has it.
type GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// Metrics is how metrics are served: on plain HTTP to everybody or, with MetricsSecure, over TLS to those whom the API
// server knows and lets get the path /metrics. Without a certificate a connection fails, and the program goes on.
func (o *Options) Metrics(certificate GetCertificate) metricsserver.Options {
	served := metricsserver.Options{BindAddress: o.MetricsAddress}
	if !o.MetricsSecure {
		return served
	}
	served.SecureServing = true
	served.FilterProvider = filters.WithAuthenticationAndAuthorization
	served.TLSOpts = []func(*tls.Config){func(config *tls.Config) {
		config.MinVersion, config.NextProtos = tls.VersionTLS12, []string{"http/1.1"}
		config.GetCertificate = certificate
	}}
	return served
}

// CertificateIn serves what tls.crt and tls.key of a directory hold. They are read at each handshake: whoever reads
// metrics keeps its connection, and a Secret that is mounted there may be filled, and changed, at any time.
func CertificateIn(directory string) GetCertificate {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		found, err := tls.LoadX509KeyPair(filepath.Join(directory, corev1.TLSCertKey), filepath.Join(directory, corev1.TLSPrivateKeyKey))
		if err != nil {
			return nil, fmt.Errorf("there is no certificate to serve metrics with yet: %w", err)
		}
		return &found, nil
	}
}
