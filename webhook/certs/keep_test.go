// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// keeping is a cluster, and a replica that keeps its Secret.
type keeping struct {
	*testing.T
	*keeper
	source  *Source
	clock   *clocktesting.FakeClock
	events  chan string
	refused bool
}

// newKeeping begins with a Secret that both configurations trust.
func newKeeping(t *testing.T, secret *corev1.Secret, configurations ...client.Object) *keeping {
	t.Helper()
	source, clock := newTestSource(t, ProviderSelf)
	recorder := events.NewFakeRecorder(10)
	k := &keeping{T: t, source: source, clock: clock, events: recorder.Events}
	cluster := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(configurations...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if k.refused {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, object.GetName(), nil)
			}
			return c.Create(ctx, object, options...)
		},
	}).Build()
	k.keeper = &keeper{
		client: cluster, names: testNames, source: source, recorder: recorder, pod: &corev1.Pod{}, clock: clock, log: logr.Discard(),
	}
	if secret != nil {
		secret.Labels = map[string]string{"app.kubernetes.io/managed-by": "Helm"}
		source.secretChanged(ProviderSelf, secret)
	}
	for _, configuration := range configurations {
		source.configurationChanged(configuration)
	}
	return k
}

// after lets time pass, and has it looked.
func (k *keeping) after(d time.Duration) {
	k.clock.Step(d)
	k.source.refresh()
	k.check(k.Context())
}

// stored is the Secret in the cluster; nil when there is none.
func (k *keeping) stored() *corev1.Secret {
	k.Helper()
	secret := &corev1.Secret{}
	if err := k.client.Get(k.Context(), testNames.SelfSecret, secret); apierrors.IsNotFound(err) {
		return nil
	} else if err != nil {
		k.Fatal(err)
	}
	return secret
}

// said are the reasons of the events since the last call.
func (k *keeping) said() []string {
	var reasons []string
	for len(k.events) > 0 {
		reasons = append(reasons, strings.Join(strings.Fields(<-k.events)[:2], " "))
	}
	return reasons
}

func (k *keeping) expectSaid(when string, want ...string) {
	k.Helper()
	if diff := cmp.Diff(want, k.said()); diff != "" {
		k.Errorf("events %s (-want +got):\n%s", when, diff)
	}
}

const (
	warnedMissing = "Warning CertificateSecretMissing"
	toldRestored  = "Normal CertificateSecretRestored"
)

func TestADeletedSecretIsPutBackAsItWas(t *testing.T) {
	ca := newAuthority(t)
	secret := ca.secret(t, 1)
	k := newKeeping(t, secret, mutatingWith(ca.pem, false), validatingWith(ca.pem, false))
	k.after(time.Hour)
	k.expectSaid("while it is there")

	k.source.secretDeleted(ProviderSelf)
	k.after(time.Second)
	k.expectSaid("once it is gone", warnedMissing)
	if k.stored() != nil {
		t.Error("it is put back before an uninstallation could have ended")
	}
	k.after(2 * time.Second)
	restored := k.stored()
	if restored == nil {
		t.Fatal("it is not put back")
	}
	if diff := cmp.Diff([]any{secret.Data, secret.Labels}, []any{restored.Data, restored.Labels}); diff != "" {
		t.Errorf("what is put back (-want +got):\n%s", diff)
	}
	k.after(time.Second)
	k.source.secretChanged(ProviderSelf, restored)
	k.after(time.Second)
	k.expectSaid("once it is back", toldRestored)
}

// TestWithoutItsSecretAReplicaServesOn: for as long as it takes, and whatever becomes of the caBundles.
func TestWithoutItsSecretAReplicaServesOn(t *testing.T) {
	ca := newAuthority(t)
	k := newKeeping(t, ca.secret(t, 1), mutatingWith(ca.pem, false), validatingWith(ca.pem, false))
	k.refused = true
	k.source.secretDeleted(ProviderSelf)
	k.source.configurationChanged(mutatingWith(nil, false))
	k.source.configurationChanged(validatingWith(nil, false))
	for range 10 {
		k.after(time.Minute)
	}
	if diff := cmp.Diff([2]int64{1, 0}, serving(k.source)); diff != "" {
		t.Errorf("serial number and cross-signed certificates (-want +got):\n%s", diff)
	}
	k.expectSaid("in all", warnedMissing, warnedMissing)
}

// TestACABundleThatIsTakenAwayIsPutBackFromMemory: also where the Secret cannot be.
func TestACABundleThatIsTakenAwayIsPutBackFromMemory(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	k := newKeeping(t, ca.secret(t, 1), mutatingWith(nil, false), validatingWith(other.pem, false))
	k.refused = true
	k.source.secretDeleted(ProviderSelf)
	k.after(restoreAfter)
	mutating, validating := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}
	for _, object := range []client.Object{mutating, validating} {
		if err := k.client.Get(t.Context(), client.ObjectKey{Name: "windlass"}, object); err != nil {
			t.Fatal(err)
		}
	}
	got := []string{string(mutating.Webhooks[0].ClientConfig.CABundle), string(validating.Webhooks[0].ClientConfig.CABundle)}
	if diff := cmp.Diff([]string{string(ca.pem), string(other.pem)}, got); diff != "" {
		t.Errorf("caBundles, of which the first was gone (-want +got):\n%s", diff)
	}
}

func TestASecretStaysAwayThatSomebodyElseTookAway(t *testing.T) {
	ca := newAuthority(t)
	for name, configurations := range map[string][]client.Object{
		"after an uninstallation":       nil,
		"when cert-manager takes over":  {mutatingWith(ca.pem, true), validatingWith(ca.pem, true)},
		"when it takes over one of two": {mutatingWith(ca.pem, false), validatingWith(ca.pem, true)},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(t, ca.secret(t, 1), configurations...)
			k.source.secretDeleted(ProviderSelf)
			for range 10 {
				k.after(time.Minute)
			}
			if k.stored() != nil {
				t.Error("it is put back")
			}
		})
	}
}

func TestAReplicaThatStartsWithoutASecretMakesOne(t *testing.T) {
	ca := newAuthority(t)
	for name, test := range map[string]struct {
		refused  bool
		restored *corev1.Secret
		want     string
	}{
		"an empty one":                         {want: "empty"},
		"unless somebody puts it back in time": {restored: ca.secret(t, 1), want: "full"},
		"or says that it may not":              {refused: true, want: `certificates of Secret ns/self: create it again, empty, and it is filled: kubectl create secret generic self --namespace ns: secrets "self" is forbidden: <nil>`},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(t, nil)
			k.refused = test.refused
			ended := make(chan error, 1)
			go func() { ended <- k.await(t.Context()) }()
			step := func() {
				for !k.clock.HasWaiters() {
					time.Sleep(time.Millisecond)
				}
				k.clock.Step(keepInterval)
			}
			step()
			if test.restored != nil {
				test.restored.Namespace, test.restored.Name = "ns", "self"
				if err := k.client.Create(t.Context(), test.restored); err != nil {
					t.Fatal(err)
				}
			}
			got := ""
			for got == "" {
				select {
				case err := <-ended:
					got = outcomeOf(k, err)
				default:
					step()
					time.Sleep(time.Millisecond)
				}
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func outcomeOf(k *keeping, err error) string {
	if err != nil {
		return (&SelfSigned{Names: testNames}).explain(err).Error()
	}
	if secret := k.stored(); len(secret.Data) > 0 {
		return "full"
	}
	return "empty"
}
