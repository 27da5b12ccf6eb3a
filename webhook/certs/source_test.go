// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

func TestACertificateThatCannotBeUsedLeavesTheLastGoodOne(t *testing.T) {
	ca := newAuthority(t)
	s, _ := newTestSource(t, ProviderSelf)
	s.secretChanged(ProviderSelf, ca.secret(t, 1))
	mixed := ca.secret(t, 2)
	mixed.Data[corev1.TLSPrivateKeyKey] = ca.secret(t, 3).Data[corev1.TLSPrivateKeyKey]
	s.secretChanged(ProviderSelf, mixed)
	if diff := cmp.Diff([2]int64{1, 0}, serving(s)); diff != "" {
		t.Errorf("serial number and cross-signed certificates (-want +got):\n%s", diff)
	}
}

// TestOnlyWhatCertManagerMadeForOurCertificateIsUsed: our CA would cross-sign it.
func TestOnlyWhatCertManagerMadeForOurCertificateIsUsed(t *testing.T) {
	for name, test := range map[string]struct {
		annotations map[string]string
		want        bool
	}{
		"for ours":             {map[string]string{"cert-manager.io/certificate-name": "windlass-webhook"}, true},
		"not for another":      {map[string]string{"cert-manager.io/certificate-name": "shop"}, false},
		"not by somebody else": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newTestSource(t, ProviderCertManager)
			secret := newAuthority(t).managedSecret(t, 101)
			secret.Annotations = test.annotations
			s.secretChanged(ProviderCertManager, secret)
			if got, _ := s.Holds(ProviderCertManager); got != test.want {
				t.Errorf("held: %t, want %t", got, test.want)
			}
		})
	}
}

func TestTheMarkerShowsWhatSelfCouldServe(t *testing.T) {
	s, _ := newTestSource(t, ProviderSelf)
	s.secretChanged(ProviderCertManager, newAuthority(t).managedSecret(t, 101))
	file := filepath.Join(s.marker, corev1.TLSCertKey)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("cert-manager's certificate is marked: %v", err)
	}
	secret := newAuthority(t).secret(t, 1)
	s.secretChanged(ProviderSelf, secret)
	onDisk, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(onDisk, secret.Data[corev1.TLSCertKey]) {
		t.Errorf("the certificate is not the one on disk: %v", err)
	}
}

func TestWhenTheCertificateIsTrusted(t *testing.T) {
	served, other := newAuthority(t), newAuthority(t)
	good, bad := served.pem, other.pem
	for name, test := range map[string]struct {
		secret  *corev1.Secret
		objects []client.Object
		want    string // part of the error; empty for none
	}{
		"when both carry its CA": {served.secret(t, 1), []client.Object{mutatingWith(good, false), validatingWith(good, false)}, ""},
		"also beside another CA": {served.secret(t, 1), []client.Object{mutatingWith(slices.Concat(bad, good), false), validatingWith(good, false)}, ""},
		"not before it is there": {&corev1.Secret{}, []client.Object{mutatingWith(good, false), validatingWith(good, false)}, "there is no certificate in Secret ns/self yet"},
		"not without the first":  {served.secret(t, 1), []client.Object{validatingWith(good, false)}, "MutatingWebhookConfiguration windlass is not there"},
		"not without the second": {served.secret(t, 1), []client.Object{mutatingWith(good, false)}, "ValidatingWebhookConfiguration windlass is not there"},
		"not without a bundle":   {served.secret(t, 1), []client.Object{mutatingWith(good, false), validatingWith(nil, false)}, "webhook sets.test has no caBundle yet"},
		"not by another CA":      {served.secret(t, 1), []client.Object{mutatingWith(bad, false), validatingWith(good, false)}, "the caBundle of webhook pods.test does not trust the certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newTestSource(t, ProviderSelf)
			for _, object := range test.objects {
				s.configurationChanged(object)
			}
			s.secretChanged(ProviderSelf, test.secret)
			err := s.Check()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("Check = %v, want %q", err, test.want)
			}
		})
	}
}

// TestReadinessIsNotTakenBack: a replica that was called once is called on, and taking it away would not help.
func TestReadinessIsNotTakenBack(t *testing.T) {
	ca := newAuthority(t)
	s, _ := newTestSource(t, ProviderCertManager)
	s.configurationChanged(mutatingWith(ca.pem, true))
	s.secretChanged(ProviderCertManager, ca.managedSecret(t, 101))
	if err := s.Check(); err == nil {
		t.Error("ready before the second configuration was seen")
	}
	s.configurationChanged(validatingWith(ca.pem, true))
	s.configurationChanged(validatingWith(nil, true))
	if err := s.Check(); err != nil {
		t.Errorf("Check = %v, want nil after it was good once", err)
	}
	if err := s.Distrust(); err == nil || !strings.Contains(err.Error(), "webhook sets.test has no caBundle yet") {
		t.Errorf("Distrust = %v, want what is wrong now", err)
	}
}

// TestAReplicaIsReadyByItsOwnProviderAlone: whoever cross-signed is forgotten with the next restart.
func TestAReplicaIsReadyByItsOwnProviderAlone(t *testing.T) {
	old, next := newAuthority(t), newAuthority(t)
	s, _ := newTestSource(t, ProviderCertManager)
	s.configurationChanged(mutatingWith(old.pem, true))
	s.configurationChanged(validatingWith(old.pem, true))
	s.secretChanged(ProviderSelf, old.secret(t, 1))
	s.secretChanged(ProviderCertManager, next.managedSecret(t, 101))
	if diff := cmp.Diff([2]int64{101, 1}, serving(s)); diff != "" {
		t.Fatalf("serial number and cross-signed certificates (-want +got):\n%s", diff)
	}
	if err := s.Check(); err == nil {
		t.Error("ready while only the old CA is in the configurations")
	}
}

func TestMeasurements(t *testing.T) {
	ca := newAuthority(t)
	s, _ := newTestSource(t, ProviderSelf)
	s.configurationChanged(mutatingWith(ca.pem, false))
	s.configurationChanged(validatingWith(newAuthority(t).pem, false))
	s.secretChanged(ProviderSelf, ca.secret(t, 1))
	leaf, err := s.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"windlass_webhook_certificate_expiry_timestamp_seconds": float64(leaf.Leaf.NotAfter.Unix()),
		"windlass_webhook_ca_mismatches":                        1,
	}
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if _, wanted := want[family.GetName()]; wanted {
			got[family.GetName()] = family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
