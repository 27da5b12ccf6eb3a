// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/program"
)

const serviceDNS = "windlass-webhook.windlass-system.svc"

// certificate makes one for a DNS name that trusts itself.
func certificate(t *testing.T, name string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// replica is a webhook that answers with this.
func replica(t *testing.T, certificate tls.Certificate, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func serving(t *testing.T, uid types.UID, generation int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if want := schedpatch.ServedPath + "default/web-remediation"; r.URL.Path != want || r.Method != http.MethodGet {
			t.Errorf("asked %s %s, not %s", r.Method, r.URL.Path, want)
		}
		_ = json.NewEncoder(w).Encode(schedpatch.Served{UID: uid, Generation: generation})
	}
}

// endpoints lists replicas as a Service's controller does, each in a slice of its own, as only there a port can differ.
func endpoints(addresses []string, change func(i int, e *discoveryv1.Endpoint)) []client.Object {
	var out []client.Object
	for i, address := range addresses {
		host, port, _ := net.SplitHostPort(address)
		number, _ := strconv.Atoi(port)
		endpoint := discoveryv1.Endpoint{
			Addresses: []string{host}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", UID: types.UID(fmt.Sprintf("replica-%d", i))},
		}
		if change != nil {
			change(i, &endpoint)
		}
		out = append(out, &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "windlass-system", Name: fmt.Sprintf("slice-%d", i), Labels: map[string]string{discoveryv1.LabelServiceName: "windlass-webhook"}},
			Endpoints:  []discoveryv1.Endpoint{endpoint},
			Ports:      []discoveryv1.EndpointPort{{Name: ptr.To("webhook"), Port: ptr.To(int32(number))}},
		})
	}
	return out
}

func TestEveryReplicaIsAsked(t *testing.T) {
	cert, ca := certificate(t, serviceDNS)
	_, strangersCA := certificate(t, serviceDNS)
	otherName, otherCA := certificate(t, "somebody.else.svc")
	patch := &v1alpha1.SchedPatch{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-remediation", UID: "uid", Generation: 3}}
	unready := func(which int) func(int, *discoveryv1.Endpoint) {
		return func(i int, e *discoveryv1.Endpoint) {
			if i == which {
				e.Conditions.Ready = ptr.To(false)
			}
		}
	}
	notFound := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "it is unknown", http.StatusNotFound) }
	serves, lags := serving(t, "uid", 3), serving(t, "uid", 2)
	for name, test := range map[string]struct {
		replicas []http.HandlerFunc
		cert     tls.Certificate
		ca       []byte
		change   func(int, *discoveryv1.Endpoint)
		// want is a part of what is missing, "" when nothing is.
		want string
	}{
		"all serve it":                        {[]http.HandlerFunc{serves, serves}, cert, ca, nil, ""},
		"one serves an earlier version":       {[]http.HandlerFunc{serves, lags}, cert, ca, nil, "it applies generation 2 and not 3 yet"},
		"one serves another one of that name": {[]http.HandlerFunc{serves, serving(t, "other", 3)}, cert, ca, nil, "it applies generation 3"},
		"one does not know it":                {[]http.HandlerFunc{notFound, serves}, cert, ca, nil, "404 Not Found: it is unknown"},
		"one that is not ready lags":          {[]http.HandlerFunc{serves, lags}, cert, ca, unready(1), ""},
		"none is ready":                       {[]http.HandlerFunc{serves}, cert, ca, unready(0), "has no ready replica"},
		"there is none":                       {nil, cert, ca, nil, "has no ready replica"},
		"one that nobody trusts":              {[]http.HandlerFunc{serves}, cert, strangersCA, nil, "certificate"},
		"one with another's certificate":      {[]http.HandlerFunc{serves}, otherName, otherCA, nil, "not " + serviceDNS},
		"no CA is known yet":                  {[]http.HandlerFunc{serves}, cert, nil, nil, "has no CA yet"},
		"an answer that is none": {[]http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("yes")) }}, cert, ca, nil,
			"its answer cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			var addresses []string
			for _, answer := range test.replicas {
				addresses = append(addresses, replica(t, test.cert, answer))
			}
			objects := append(endpoints(addresses, test.change), &admissionregistrationv1.MutatingWebhookConfiguration{
				ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
				Webhooks:   []admissionregistrationv1.MutatingWebhook{{Name: "pods", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: test.ca}}},
			})
			r := &replicas{
				live: fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(objects...).Build(),
				at:   Webhooks{Namespace: "windlass-system", Service: "windlass-webhook", Configuration: "windlass"},
			}
			got := r.Ask(t.Context(), patch)
			if (test.want == "") != (got.Missing == "") || !strings.Contains(got.Missing, test.want) {
				t.Errorf("missing: %q, want %q", got.Missing, test.want)
			}
			if got.UID != "uid" || got.Generation != 3 {
				t.Errorf("the answer is about %s, generation %d", got.UID, got.Generation)
			}
		})
	}
}

func TestAReplicaThatIsGoneDoesNotServe(t *testing.T) {
	cert, ca := certificate(t, serviceDNS)
	gone := httptest.NewServer(http.NotFoundHandler())
	address := gone.Listener.Addr().String()
	gone.Close()
	objects := append(endpoints([]string{replica(t, cert, serving(t, "uid", 1)), address}, nil), &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
		Webhooks:   []admissionregistrationv1.MutatingWebhook{{Name: "pods", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: ca}}},
	})
	r := &replicas{
		live: fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(objects...).Build(),
		at:   Webhooks{Namespace: "windlass-system", Service: "windlass-webhook", Configuration: "windlass"},
	}
	patch := &v1alpha1.SchedPatch{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-remediation", UID: "uid", Generation: 1}}
	if got := r.Ask(t.Context(), patch).Missing; !strings.Contains(got, address) {
		t.Errorf("missing: %q, want the address %s in it", got, address)
	}
}

func TestAReplicaOfTwoAddressFamiliesIsAskedOnce(t *testing.T) {
	objects := endpoints([]string{"10.0.0.1:9443", "10.0.0.2:9443"}, func(_ int, e *discoveryv1.Endpoint) { e.TargetRef.UID = "one" })
	r := &replicas{
		live: fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(objects...).Build(),
		at:   Webhooks{Namespace: "windlass-system", Service: "windlass-webhook"},
	}
	if got, err := r.addresses(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("addresses: %v, %v", got, err)
	}
}
