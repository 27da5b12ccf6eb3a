package certs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/windlass-operator/windlass/program"
)

func TestSetupRefusesToRotateAllTheTime(t *testing.T) {
	p := &SelfSigned{CAValidity: 10 * time.Hour, CertValidity: time.Hour, RotateBefore: time.Hour}
	err := p.Setup(&rest.Config{}, program.Scheme())
	if err == nil || !strings.Contains(err.Error(), "--cert-rotate-before=1h0m0s: must be less than --cert-validity=1h0m0s") {
		t.Errorf("Setup = %v", err)
	}
}

func TestAMissingSecretIsToBeCreatedAgain(t *testing.T) {
	p := &SelfSigned{Names: testNames}
	missing := apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "self")
	const want = "certificates of Secret ns/self: create it again, empty, and it is filled: kubectl create secret generic self --namespace ns: " +
		`acquiring secret: secrets "self" not found`
	if err := p.explain(fmt.Errorf("acquiring secret: %w", missing)); err == nil || err.Error() != want {
		t.Errorf("explain = %v, want %s", err, want)
	}
}

func TestOnlyConfigurationsWaitUntilANewCertificateHasSpread(t *testing.T) {
	early := errors.New("too early")
	cluster := fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(mutatingWith(nil, false), validatingWith(nil, false),
		&corev1.Secret{ObjectMeta: windlassMeta(false)}).Build()
	patient := &patientClient{Client: cluster, wait: func(context.Context) error { return early }}
	configurations := schema.GroupVersion{Group: "admissionregistration.k8s.io", Version: "v1"}
	for name, test := range map[string]struct {
		object client.Object
		kind   schema.GroupVersionKind
		want   error
	}{
		"the first configuration":  {mutatingWith([]byte("ca"), false), configurations.WithKind("MutatingWebhookConfiguration"), early},
		"the second configuration": {validatingWith([]byte("ca"), false), configurations.WithKind("ValidatingWebhookConfiguration"), early},
		"the Secret does not":      {&corev1.Secret{ObjectMeta: windlassMeta(false)}, corev1.SchemeGroupVersion.WithKind("Secret"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			test.object.GetObjectKind().SetGroupVersionKind(test.kind)
			if err := patient.Update(t.Context(), test.object); !errors.Is(err, test.want) {
				t.Errorf("Update = %v, want %v", err, test.want)
			}
		})
	}
}

func TestHowLongANewCertificateIsGivenToSpread(t *testing.T) {
	old, next := newAuthority(t), newAuthority(t)
	for name, test := range map[string]struct {
		bundle []byte
		secret *corev1.Secret
		passes time.Duration
		want   time.Duration
	}{
		"the whole time when it is new":                 {old.pem, next.secret(t, 1), 0, spread},
		"the whole time while it was not seen yet":      {old.pem, &corev1.Secret{}, time.Hour, spread},
		"what is left when it was seen before":          {old.pem, next.secret(t, 1), spread / 2, spread / 2},
		"none when it was seen long before":             {old.pem, next.secret(t, 1), spread, 0},
		"none when there is nobody yet who trusts ours": {nil, next.secret(t, 1), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := newTestSource(t, ProviderSelf)
			s.configurationChanged(mutatingWith(test.bundle, false))
			s.secretChanged(ProviderSelf, test.secret)
			clock.Step(test.passes)
			if diff := cmp.Diff(test.want, s.spreadIn()); diff != "" {
				t.Errorf("left to wait (-want +got):\n%s", diff)
			}
		})
	}
}
