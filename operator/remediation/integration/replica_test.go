// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
)

const (
	webhookNamespace     = "default"
	webhookService       = "windlass-webhook"
	webhookConfiguration = "windlass"
)

// replica plays a replica of the webhook: it says which SchedPatches it applies, and can be made to know none.
type replica struct {
	server *httptest.Server
	serves atomic.Bool
}

// startReplica starts a replica at an address of this machine that a Service may have, and registers it.
func startReplica(ctx context.Context) *replica {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{webhookService + "." + webhookNamespace + ".svc"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	Expect(err).NotTo(HaveOccurred())
	r := &replica{}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(r.answer))
	r.server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	host := ownAddress()
	Expect(r.server.Listener.Close()).To(Succeed())
	r.server.Listener, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	Expect(err).NotTo(HaveOccurred())
	r.server.StartTLS()
	register(ctx, host, int32(r.server.Listener.Addr().(*net.TCPAddr).Port), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return r
}

// ownAddress is an IPv4 address of this machine. Services have no loopback ones.
func ownAddress() string {
	GinkgoHelper()
	addresses, err := net.InterfaceAddrs()
	Expect(err).NotTo(HaveOccurred())
	for _, address := range addresses {
		if ip, ok := address.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	Skip("this machine has no IPv4 address but that of the loopback")
	return ""
}

func register(ctx context.Context, host string, port int32, ca []byte) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: webhookNamespace, Name: webhookService, Labels: map[string]string{discoveryv1.LabelServiceName: webhookService}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{host}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}}},
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("webhook"), Port: &port, Protocol: ptr.To(corev1.ProtocolTCP)}},
	})).To(Succeed())
	Expect(k8s.Create(ctx, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: webhookConfiguration},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "nobody.apps.kruise.io", SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				Service: &admissionregistrationv1.ServiceReference{Namespace: webhookNamespace, Name: webhookService}, CABundle: ca,
			},
		}},
	})).To(Succeed())
}

// answer says that the SchedPatch is applied as it is stored, or not known.
func (r *replica) answer(w http.ResponseWriter, request *http.Request) {
	namespace, name, _ := strings.Cut(strings.TrimPrefix(request.URL.Path, schedpatch.ServedPath), "/")
	patch := &v1alpha1.SchedPatch{}
	if !r.serves.Load() || k8s.Get(request.Context(), client.ObjectKey{Namespace: namespace, Name: name}, patch) != nil {
		http.NotFound(w, request)
		return
	}
	_ = json.NewEncoder(w).Encode(schedpatch.Served{UID: patch.UID, Generation: patch.Generation})
}
