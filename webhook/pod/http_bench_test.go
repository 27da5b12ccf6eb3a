// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/windlass-operator/windlass/webhook/serve"
)

// benchReview is the body of a review as an API server sends it.
func benchReview(b *testing.B, app, owner string) []byte {
	b.Helper()
	request := benchRequest(b, app, owner).AdmissionRequest
	request.UID, request.Name = "0e6f6a3e-3a8c-4a0f-8a53-2f4b1d9c7e10", ""
	request.Resource = metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
	request.RequestKind, request.RequestResource = &request.Kind, &request.Resource
	request.UserInfo.Username = "system:serviceaccount:kube-system:replicaset-controller"
	request.UserInfo.Groups = []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"}
	request.Options.Raw = []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}`)
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &request,
	})
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// kinds of Pods, by what is for them.
var benchKinds = []struct{ name, app, owner string }{
	{"unmatched", "other", "other"}, {"injected", "app0", "other"}, {"patched", "other", "patched"}, {"both", "app0", "patched"},
}

func checkAnswer(b *testing.B, answer []byte, changes bool) {
	b.Helper()
	if !bytes.Contains(answer, []byte(`"allowed":true`)) || bytes.Contains(answer, []byte(`"patch":`)) != changes {
		b.Fatalf("answer %s", answer)
	}
}

// BenchmarkServed is the time of an API server from a request to its answer, over TLS: on a connection that is there, and
// on a new one.
func BenchmarkServed(b *testing.B) {
	few := map[string]float64{}
	for _, n := range []int{1, 1_000, 50_000} {
		address := benchServe(b, benchHandler(b, n))
		for _, kind := range benchKinds {
			body := benchReview(b, kind.app, kind.owner)
			b.Run(fmt.Sprintf("sets=%d/%s", n, kind.name), func(b *testing.B) {
				benchServed(b, address, body, kind.name != "unmatched")
				reportGrowth(b, few, kind.name)
			})
		}
		b.Run(fmt.Sprintf("sets=%d/new-connection", n), func(b *testing.B) {
			body := benchReview(b, "other", "other")
			for b.Loop() {
				c := benchDial(b, address)
				c.ask(b, body, false)
				_ = c.Close()
			}
		})
	}
}

// reportGrowth tells how much longer it takes than with the fewest sets, which are measured first.
func reportGrowth(b *testing.B, few map[string]float64, kind string) {
	b.Helper()
	took := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	if few[kind] == 0 {
		few[kind] = took
	}
	b.ReportMetric(took/few[kind], "x-of-1-set")
}

func benchServed(b *testing.B, address string, body []byte, changes bool) {
	b.Helper()
	c := benchDial(b, address)
	defer c.Close()
	took := make([]time.Duration, 0, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		c.ask(b, body, changes)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns/op")
}

// benchConnection is one of an API server.
type benchConnection struct {
	*tls.Conn
	answers *bufio.Reader
	buffer  bytes.Buffer
}

func benchDial(b *testing.B, address string) *benchConnection {
	b.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:noctx // on this machine
	if err != nil {
		b.Fatal(err)
	}
	return &benchConnection{Conn: c, answers: bufio.NewReader(c)}
}

func (c *benchConnection) ask(b *testing.B, body []byte, changes bool) {
	b.Helper()
	c.buffer.Reset()
	fmt.Fprintf(&c.buffer, "POST %s?timeout=3s HTTP/1.1\r\nHost: windlass-webhook.windlass-system.svc:443\r\nUser-Agent: kube-apiserver-admission\r\n"+
		"Content-Length: %d\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n", Path, len(body))
	c.buffer.Write(body)
	if _, err := c.Write(c.buffer.Bytes()); err != nil {
		b.Fatal(err)
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		b.Fatal(err)
	}
	c.buffer.Reset()
	if _, err := io.Copy(&c.buffer, answer.Body); err != nil {
		b.Fatal(err)
	}
	checkAnswer(b, c.buffer.Bytes(), changes)
}

// benchServe serves a handler as the program does, and returns where.
func benchServe(b *testing.B, handler *Handler) (address string) {
	b.Helper()
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	certificate := benchCertificate(b)
	port := freePort(b)
	server := serve.New(serve.Options{
		Port: port, Limits: serve.LimitsFor(256 << 20),
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate, nil },
	})
	server.Register(Path, &webhook.Admission{Handler: handler})
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	for server.StartedChecker()(nil) != nil {
		time.Sleep(time.Millisecond)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func freePort(b *testing.B) int {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func benchCertificate(b *testing.B) *tls.Certificate {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: key}
}
