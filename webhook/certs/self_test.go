// SPDX-License-Identifier: Apache-2.0

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
	patient := &patientClient{Client: cluster, wait: func(_ context.Context, bundles [][]byte) error {
		if diff := cmp.Diff([][]byte{[]byte("ca")}, bundles); diff != "" {
			t.Errorf("what is to be trusted (-want +got):\n%s", diff)
		}
		return early
	}}
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
	type left struct {
		Wait   time.Duration
		Refuse bool
	}
	old, next := newAuthority(t), newAuthority(t)
	for name, test := range map[string]struct {
		bundle []byte // what API servers trust until then
		secret *corev1.Secret
		writes []byte // what they are to trust
		passes time.Duration
		want   left
	}{
		"the whole time when it is new":                 {old.pem, next.secret(t, 1), next.pem, 0, left{spread, false}},
		"what is left when it was seen before":          {old.pem, next.secret(t, 1), next.pem, spread / 2, left{spread / 2, false}},
		"none when it was seen long before":             {old.pem, next.secret(t, 1), next.pem, spread, left{0, false}},
		"none when there is nobody yet who trusts ours": {nil, next.secret(t, 1), next.pem, 0, left{0, false}},
		"not before it was seen":                        {old.pem, &corev1.Secret{}, next.pem, time.Hour, left{0, true}},
		"not before it was seen, by nobody trusted yet": {nil, &corev1.Secret{}, next.pem, time.Hour, left{0, true}},
		"not while only the one before was seen":        {old.pem, old.secret(t, 1), next.pem, time.Hour, left{0, true}},
		"not when the one after was seen":               {old.pem, next.secret(t, 1), old.pem, time.Hour, left{0, true}},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := newTestSource(t, ProviderSelf)
			s.configurationChanged(mutatingWith(test.bundle, false))
			s.secretChanged(ProviderSelf, test.secret)
			clock.Step(test.passes)
			wait, err := s.spreadIn([][]byte{test.writes})
			if diff := cmp.Diff(test.want, left{wait, err != nil}); diff != "" {
				t.Errorf("left to wait (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}
