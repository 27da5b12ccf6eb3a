// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// patience bounds what happens as soon as the server gets to it.
const patience = 30 * time.Second

// port is a server that runs, and how it is reached.
type port struct {
	*testing.T
	server *Server
	url    string
}

// serving starts a server that answers reviews at /review, and everybody at /open.
func serving(t *testing.T, handler admission.HandlerFunc, adjust func(*Options)) *port {
	t.Helper()
	certificate := newCA(t).issue(t, "localhost", x509.ExtKeyUsageServerAuth)
	options := Options{
		Limits:         LimitsFor(0),
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil },
	}
	adjust(&options)
	p := &port{T: t, server: New(options)}
	p.server.Register("/review", &webhook.Admission{Handler: handler})
	p.server.Register("/open", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "open") }))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.server.Start(ctx) }()
	p.eventually("the port is open", func() bool { return p.server.StartedChecker()(nil) == nil })
	p.url = "https://" + p.address()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ends with %v", err)
		}
	})
	return p
}

func unlimited(*Options) {}

func allow(context.Context, admission.Request) admission.Response { return admission.Allowed("") }

func (p *port) address() string {
	_, number, _ := net.SplitHostPort(p.server.address.Load().String())
	return "127.0.0.1:" + number
}

func (p *port) eventually(what string, holds func() bool) {
	p.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			p.Fatalf("never: %s", what)
		}
	}
}

// from is a client with an address of its own. Each of its requests is a new connection.
func from(address string, certificates ...tls.Certificate) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext:       dialer.DialContext,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, Certificates: certificates},
		DisableKeepAlives: true,
	}}
}

// connect opens a connection from an address and does no more.
func (p *port) connect(address string) net.Conn {
	p.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: patience}
	c, err := dialer.DialContext(p.Context(), "tcp", p.address())
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = c.Close() })
	return c
}

// encrypted opens a connection and shakes hands.
func (p *port) encrypted(address string) *tls.Conn {
	p.Helper()
	c := tls.Client(p.connect(address), &tls.Config{InsecureSkipVerify: true})
	if err := c.HandshakeContext(p.Context()); err != nil {
		p.Fatal(err)
	}
	return c
}

// expectClosed holds that the server closes a connection.
func (p *port) expectClosed(what string, c net.Conn) {
	p.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c); err != nil && os.IsTimeout(err) {
		p.Errorf("%s is never closed", what)
	}
}

// review is one of a Pod that takes so many bytes.
func review(size int) string {
	const head, tail = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","object":{"a":"`, `"}}}`
	return head + strings.Repeat("x", max(0, size-len(head)-len(tail))) + tail
}

// outcome is what came back for a review.
type outcome struct {
	Code       int
	Allowed    bool
	Message    string
	RetryAfter string
}

func (p *port) ask(client *http.Client, body io.Reader) outcome {
	p.Helper()
	got, err := p.tryAsk(client, body)
	if err != nil {
		p.Fatal(err)
	}
	return got
}

func (p *port) tryAsk(client *http.Client, body io.Reader) (outcome, error) {
	request, err := http.NewRequestWithContext(p.Context(), http.MethodPost, p.url+"/review", body)
	if err != nil {
		return outcome{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return outcome{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return outcome{}, err
	}
	return read(response, text)
}

func read(response *http.Response, text []byte) (outcome, error) {
	got := outcome{Code: response.StatusCode, RetryAfter: response.Header.Get("Retry-After")}
	if response.StatusCode != http.StatusOK {
		status := metav1.Status{}
		err := json.Unmarshal(text, &status)
		got.Message = status.Message
		return got, err
	}
	answered := admissionv1.AdmissionReview{}
	err := json.Unmarshal(text, &answered)
	if answered.Response != nil {
		got.Allowed = answered.Response.Allowed
	}
	return got, err
}

// ca signs certificates for tests.
type ca struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newCA(t *testing.T) *ca {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &ca{certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *ca) issue(t *testing.T, name string, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// file writes the certificates of CAs.
func file(t *testing.T, cas ...*ca) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.crt")
	write(t, path, cas...)
	return path
}

func write(t *testing.T, path string, cas ...*ca) {
	t.Helper()
	var text bytes.Buffer
	for _, a := range cas {
		text.Write(a.pem)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
