// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"errors"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

var certificateName = types.NamespacedName{Namespace: "ns", Name: "windlass-webhook"}

func certificateWith(conditions ...cmapi.CertificateCondition) *cmapi.Certificate {
	return &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "windlass-webhook", UID: "1"},
		Spec:       cmapi.CertificateSpec{SecretName: "managed", IssuerRef: cmmeta.IssuerReference{Name: "corporate", Kind: "ClusterIssuer"}},
		Status:     cmapi.CertificateStatus{Conditions: conditions},
	}
}

func condition(kind cmapi.CertificateConditionType, status cmmeta.ConditionStatus, reason, message string) cmapi.CertificateCondition {
	return cmapi.CertificateCondition{Type: kind, Status: status, Reason: reason, Message: message}
}

// request is a CertificateRequest that was made for a certificate so many minutes after the start.
func request(name string, owner types.UID, minutes int, conditions ...cmapi.CertificateRequestCondition) cmapi.CertificateRequest {
	return cmapi.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, CreationTimestamp: metav1.NewTime(start.Add(time.Duration(minutes) * time.Minute)),
			OwnerReferences: []metav1.OwnerReference{{UID: owner, Controller: ptr.To(true)}},
		},
		Status: cmapi.CertificateRequestStatus{Conditions: conditions},
	}
}

func TestDiagnosis(t *testing.T) {
	resource := schema.GroupResource{Group: "cert-manager.io", Resource: "certificates"}
	ready := condition(cmapi.CertificateConditionReady, cmmeta.ConditionTrue, "Ready", "all is well")
	issuing := condition(cmapi.CertificateConditionReady, cmmeta.ConditionFalse, "DoesNotExist", "Issuing certificate as Secret does not exist")
	requestReady := func(reason, message string) cmapi.CertificateRequestCondition {
		return cmapi.CertificateRequestCondition{Type: cmapi.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Reason: reason, Message: message}
	}
	const notReadyYet = "Certificate ns/windlass-webhook is not ready: DoesNotExist: Issuing certificate as Secret does not exist"
	for name, test := range map[string]struct {
		findings findings
		want     string
	}{
		"cert-manager is not installed": {
			findings{err: &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "cert-manager.io", Kind: "Certificate"}}},
			"the API server knows no Certificates of cert-manager.io: install cert-manager, or set the chart's value certificates.provider to self",
		},
		"the Certificate was deleted": {
			findings{err: apierrors.NewNotFound(resource, "windlass-webhook")},
			"Certificate ns/windlass-webhook does not exist: install the chart again",
		},
		"the Certificate may not be read": {
			findings{err: apierrors.NewForbidden(resource, "windlass-webhook", errors.New("no role"))},
			`Certificate ns/windlass-webhook cannot be read: certificates.cert-manager.io "windlass-webhook" is forbidden: no role`,
		},
		"nobody has looked at it": {
			findings{certificate: certificateWith()},
			"cert-manager has not looked at Certificate ns/windlass-webhook yet; is its controller running?",
		},
		"it is being issued": {findings{certificate: certificateWith(issuing)}, notReadyYet},
		"the last attempt failed": {
			findings{certificate: certificateWith(issuing, condition(cmapi.CertificateConditionIssuing, cmmeta.ConditionFalse, "Failed", "the issuer is out of ink"))},
			notReadyYet + "; the last attempt to issue it: Failed: the issuer is out of ink",
		},
		"its request was refused, while an earlier one and that of somebody else were not": {
			findings{certificate: certificateWith(issuing), requests: []cmapi.CertificateRequest{
				request("windlass-webhook-1", "1", 1, requestReady("Pending", "wait")),
				request("windlass-webhook-2", "1", 2, requestReady("Failed", "no such issuer")),
				request("other-1", "2", 3, requestReady("Pending", "wait")),
			}},
			notReadyYet + "; CertificateRequest windlass-webhook-2: Failed: no such issuer",
		},
		"its request was denied": {
			findings{certificate: certificateWith(issuing), requests: []cmapi.CertificateRequest{
				request("windlass-webhook-1", "1", 1, requestReady("Denied", "denied"), cmapi.CertificateRequestCondition{
					Type: cmapi.CertificateRequestConditionDenied, Status: cmmeta.ConditionTrue, Message: "the policy knows no such name"}),
			}},
			notReadyYet + "; CertificateRequest windlass-webhook-1 was denied: the policy knows no such name",
		},
		"its request has not been looked at": {
			findings{certificate: certificateWith(issuing), requests: []cmapi.CertificateRequest{request("windlass-webhook-1", "1", 1)}},
			notReadyYet + "; CertificateRequest windlass-webhook-1 waits for its issuer or for an approval",
		},
		"it is ready and its Secret is not": {
			findings{certificate: certificateWith(ready)},
			"Certificate ns/windlass-webhook is ready, but there is no usable certificate in its Secret managed",
		},
		"its issuer does not tell its CA": {
			findings{certificate: certificateWith(ready), hasCertificate: true},
			"the Secret managed of Certificate ns/windlass-webhook has no ca.crt, so cert-manager has nothing to put into the webhook configurations: " +
				"ClusterIssuer corporate does not tell its CA; name an issuer that does in certificates.certManager.issuerRef",
		},
		"the CA is not in the configurations": {
			findings{certificate: certificateWith(ready), hasCertificate: true, hasCA: true},
			"cert-manager's cainjector has not put the CA of Certificate ns/windlass-webhook into the webhook configurations; is it running, and may it write there?",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.findings.name = certificateName
			if diff := cmp.Diff(test.want, diagnose(test.findings)); diff != "" {
				t.Errorf("diagnosis (-want +got):\n%s", diff)
			}
		})
	}
}
