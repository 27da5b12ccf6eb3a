// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"fmt"
	"slices"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

const (
	withCertManager = "certificates: {provider: cert-manager}"
	withOwnIssuer   = "certificates: {provider: cert-manager, certManager: {issuerRef: {name: corporate, kind: ClusterIssuer}}}"
)

func TestWhatCertManagerIsAskedFor(t *testing.T) {
	tests := map[string]struct {
		values string
		want   []string
		ref    cmmeta.IssuerReference
	}{
		"the provider self asks for nothing": {},
		"without an issuer, for a CA of our own": {
			values: withCertManager,
			want: []string{
				"Certificate windlass-webhook", "Certificate windlass-webhook-ca", "Issuer windlass-webhook-ca", "Issuer windlass-webhook-self-signed",
			},
			ref: cmmeta.IssuerReference{Name: "windlass-webhook-ca", Kind: "Issuer", Group: "cert-manager.io"},
		},
		"with an issuer, for a certificate of it alone": {
			values: withOwnIssuer,
			want:   []string{"Certificate windlass-webhook"},
			ref:    cmmeta.IssuerReference{Name: "corporate", Kind: "ClusterIssuer", Group: "cert-manager.io"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result := mustRender(t, test.values)
			var got []string
			for _, object := range result.objects {
				if kind := object.GetObjectKind().GroupVersionKind(); kind.Group == "cert-manager.io" {
					got = append(got, fmt.Sprintf("%s %s", kind.Kind, object.GetName()))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("objects of cert-manager (-want +got):\n%s", diff)
			}
			if test.want == nil {
				return
			}
			if diff := cmp.Diff(test.ref, get[*cmapi.Certificate](t, result, "windlass-webhook").Spec.IssuerRef); diff != "" {
				t.Errorf("issuer (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheCertificateIsForTheService holds what the API server will verify, and that the CA can be renewed without a
// gap: with its key kept.
func TestTheCertificateIsForTheService(t *testing.T) {
	result := mustRender(t, withCertManager)
	serving := get[*cmapi.Certificate](t, result, "windlass-webhook").Spec
	service := get[*corev1.Service](t, result, "windlass-webhook")
	want := service.Name + "." + service.Namespace + ".svc"
	if !slices.Contains(serving.DNSNames, want) {
		t.Errorf("the certificate is for %v, not for %s", serving.DNSNames, want)
	}
	if diff := cmp.Diff([]cmapi.KeyUsage{cmapi.UsageServerAuth}, serving.Usages); diff != "" {
		t.Errorf("usages (-want +got):\n%s", diff)
	}
	policies := map[string]cmapi.PrivateKeyRotationPolicy{}
	for _, certificate := range all[*cmapi.Certificate](result) {
		policies[certificate.Name] = certificate.Spec.PrivateKey.RotationPolicy
		if certificate.Spec.RenewBefore.Duration >= certificate.Spec.Duration.Duration {
			t.Errorf("Certificate %s is always renewed", certificate.Name)
		}
		// The webhooks go on trusting the CA that came with the certificate, until that one is replaced.
		if certificate.Spec.IsCA && certificate.Spec.RenewBefore.Duration < serving.Duration.Duration {
			t.Errorf("CA %s may end %s before it is renewed for the certificates that it signed", certificate.Name, serving.Duration.Duration-certificate.Spec.RenewBefore.Duration)
		}
	}
	wantPolicies := map[string]cmapi.PrivateKeyRotationPolicy{
		"windlass-webhook": cmapi.RotationPolicyAlways, "windlass-webhook-ca": cmapi.RotationPolicyNever,
	}
	if diff := cmp.Diff(wantPolicies, policies); diff != "" {
		t.Errorf("rotation of keys (-want +got):\n%s", diff)
	}
}

// TestTheWebhookWritesNothingForCertManager: what it may do is to read two Secrets and the two configurations by name,
// and what explains a certificate that is not there.
func TestTheWebhookWritesNothingForCertManager(t *testing.T) {
	result := mustRender(t, withCertManager)
	for _, secret := range all[*corev1.Secret](result) {
		t.Errorf("Secret %s is rendered", secret.Name)
	}
	want := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"list", "watch"}, ResourceNames: []string{"windlass-webhook-self-cert", "windlass-webhook-tls"}},
		{APIGroups: []string{"admissionregistration.k8s.io"}, Resources: []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}, Verbs: []string{"list", "watch"}, ResourceNames: []string{"windlass"}},
		{APIGroups: []string{"cert-manager.io"}, Resources: []string{"certificates"}, Verbs: []string{"get"}, ResourceNames: []string{"windlass-webhook"}},
		{APIGroups: []string{"cert-manager.io"}, Resources: []string{"certificaterequests"}, Verbs: []string{"list"}},
		{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	}
	var got []rbacv1.PolicyRule
	for _, rule := range slices.Concat(get[*rbacv1.Role](t, result, "windlass-webhook").Rules, get[*rbacv1.ClusterRole](t, result, "windlass-webhook").Rules) {
		if slices.Contains([]string{"secrets", "mutatingwebhookconfigurations", "certificates", "certificaterequests", "events"}, rule.Resources[0]) {
			got = append(got, rule)
		}
	}
	slices.SortStableFunc(got, func(a, b rbacv1.PolicyRule) int { return slices.Compare(a.APIGroups, b.APIGroups) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules about certificates (-want +got):\n%s", diff)
	}
}
