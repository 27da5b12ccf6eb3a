// SPDX-License-Identifier: Apache-2.0

package program

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const servedName = "windlass-webhook.windlass-system.svc"

// certificate makes one that is its own CA, as files for a directory, and what trusts it.
func certificate(t *testing.T) (chain, key []byte, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{servedName}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(chain)
	return chain, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), roots
}

// judging is an API server that knows two accounts by their tokens, of which one may get /metrics.
func judging(t *testing.T) *rest.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/tokenreviews") {
			var review authenticationv1.TokenReview
			_ = json.NewDecoder(r.Body).Decode(&review)
			review.APIVersion, review.Kind = "authentication.k8s.io/v1", "TokenReview"
			review.Status.Authenticated = review.Spec.Token == "reader" || review.Spec.Token == "stranger"
			review.Status.User.Username = review.Spec.Token
			_ = json.NewEncoder(w).Encode(review)
			return
		}
		var review authorizationv1.SubjectAccessReview
		_ = json.NewDecoder(r.Body).Decode(&review)
		review.APIVersion, review.Kind = "authorization.k8s.io/v1", "SubjectAccessReview"
		asked := review.Spec.NonResourceAttributes
		review.Status.Allowed = review.Spec.User == "reader" && asked != nil && asked.Path == "/metrics" && asked.Verb == "get"
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json", AcceptContentTypes: "application/json"}}
}

// serveMetrics serves them until the test ends, and returns where.
func serveMetrics(t *testing.T, o Options, certificate GetCertificate) (address string) {
	t.Helper()
	o.MetricsAddress = freePort(t)
	config := judging(t)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	server, err := metricsserver.NewServer(o.Metrics(certificate), config, client)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return o.MetricsAddress
}

// ask gets the metrics with a token; "" for none.
func ask(t *testing.T, client *http.Client, url, token string) (status int, body []byte, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

func TestSecureMetricsAreServedToWhomTheAPIServerLetsReadThem(t *testing.T) {
	directory := t.TempDir()
	address := serveMetrics(t, Options{MetricsSecure: true}, CertificateIn(directory))
	chain, key, roots := certificate(t)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: servedName}, DisableKeepAlives: true}
	client := &http.Client{Transport: transport}
	url := "https://" + address + "/metrics"

	eventually(t, "it listens", func() bool {
		_, _, err := ask(t, client, url, "reader")
		return err != nil && !strings.Contains(err.Error(), "refused")
	})
	if _, _, err := ask(t, client, url, "reader"); err == nil {
		t.Error("it serves without a certificate")
	}
	for name, content := range map[string][]byte{"tls.crt": chain, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for token, want := range map[string]int{
		// The filter takes a token that nobody knows for an error.
		"": http.StatusUnauthorized, "nobody": http.StatusInternalServerError, "stranger": http.StatusForbidden, "reader": http.StatusOK,
	} {
		status, body, err := ask(t, client, url, token)
		if err != nil || status != want {
			t.Errorf("token %q is answered %d, %v; want %d", token, status, err, want)
		}
		if bytes.Contains(body, []byte("go_goroutines")) != (want == http.StatusOK) {
			t.Errorf("token %q is told metrics, or is not: %.200s", token, body)
		}
	}
}

func TestPlainMetricsAreServedToEverybody(t *testing.T) {
	address := serveMetrics(t, Options{}, nil)
	eventually(t, "they are served", func() bool {
		status, body, err := ask(t, http.DefaultClient, "http://"+address+"/metrics", "")
		return err == nil && status == http.StatusOK && bytes.Contains(body, []byte("go_goroutines"))
	})
}
