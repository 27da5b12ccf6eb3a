package certs

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/program"
)

func mutatingWith(bundle []byte) *admissionregistrationv1.MutatingWebhookConfiguration {
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "pods.test", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: bundle}}},
	}
}

func validatingWith(bundle []byte) *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "sets.test", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: bundle}}},
	}
}

// trusting serves a certificate to a cluster with these objects. It counts the
// reads.
func trusting(t *testing.T, certificate map[string][]byte, objects ...client.Object) (trust *Trust, cluster client.Client, reads *int) {
	t.Helper()
	source := NewSource(&rest.Config{}, program.Scheme(), types.NamespacedName{Namespace: "ns", Name: "cert"}, t.TempDir())
	secret := secretWith(t, 1)
	secret.Data = certificate
	source.load(t.Context(), secret)
	reads = new(int)
	cluster = interceptor.NewClient(fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(objects...).Build(), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
			*reads++
			return c.Get(ctx, key, into, options...)
		},
	})
	return &Trust{
		Live: cluster, Source: source, Mutating: "windlass", Validating: "windlass", Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0)),
	}, cluster, reads
}

func TestWhenTheServedCertificateIsTrusted(t *testing.T) {
	served, other := secretWith(t, 1).Data, secretWith(t, 2).Data
	good, bad := served["tls.crt"], other["tls.crt"]
	for name, test := range map[string]struct {
		certificate map[string][]byte
		objects     []client.Object
		want        string // part of the error; empty for none
	}{
		"when both carry its CA": {served, []client.Object{mutatingWith(good), validatingWith(good)}, ""},
		"also beside another CA": {served, []client.Object{mutatingWith(slices.Concat(bad, good)), validatingWith(good)}, ""},
		"not before it is there": {nil, []client.Object{mutatingWith(good), validatingWith(good)}, "there is no certificate in Secret ns/cert yet"},
		"not without the first":  {served, []client.Object{validatingWith(good)}, "MutatingWebhookConfiguration windlass cannot be read; if it is missing, install the chart again"},
		"not without the second": {served, []client.Object{mutatingWith(good)}, "ValidatingWebhookConfiguration windlass cannot be read; if it is missing, install the chart again"},
		"not without a bundle":   {served, []client.Object{mutatingWith(good), validatingWith(nil)}, "webhook sets.test has no caBundle yet"},
		"not by another CA":      {served, []client.Object{mutatingWith(other["tls.crt"]), validatingWith(good)}, "the caBundle of webhook pods.test does not trust the served certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			trust, _, _ := trusting(t, test.certificate, test.objects...)
			err := trust.Check(t.Context())
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("Check = %v, want %q", err, test.want)
			}
		})
	}
}

func TestTrustIsAskedForSeldomAndNeverAgain(t *testing.T) {
	served := secretWith(t, 1).Data
	trust, cluster, reads := trusting(t, served, mutatingWith(served["tls.crt"]))
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	trust.Clock = clock
	if err := trust.Check(t.Context()); err == nil || *reads != 2 {
		t.Fatalf("Check = %v after %d reads, want an error after 2", err, *reads)
	}
	if err := cluster.Create(t.Context(), validatingWith(served["tls.crt"])); err != nil {
		t.Fatal(err)
	}
	if err := trust.Check(t.Context()); err == nil || *reads != 2 {
		t.Errorf("at once: Check = %v after %d reads, want the same error", err, *reads)
	}
	clock.SetTime(time.Unix(0, 0).Add(trustInterval))
	for range 2 {
		if err := trust.Check(t.Context()); err != nil || *reads != 4 {
			t.Errorf("later: Check = %v after %d reads, want nil after 4", err, *reads)
		}
		clock.SetTime(time.Unix(0, 0).Add(time.Hour))
	}
}
