// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"fmt"
	"strings"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// findings are what can be seen of cert-manager's work on our certificate.
type findings struct {
	// name is the Certificate's.
	name types.NamespacedName
	// certificate is nil when it could not be read; err says why.
	certificate *cmapi.Certificate
	err         error
	// requests are the CertificateRequests made for it.
	requests []cmapi.CertificateRequest
	// hasCertificate tells that the Secret holds a usable certificate, hasCA that it holds the CA besides.
	hasCertificate, hasCA bool
}

// diagnose explains why there is no certificate that API servers trust, in one sentence for a person. The first check
// that applies is the cause; those after it would only be consequences.
func diagnose(f findings) string {
	for _, check := range []func(findings) string{
		notInstalled, noCertificate, unreadable, // nothing can be said about an object that is not there
		notReady,       // cert-manager says why
		secretNotFull,  // it says that all is well, and it is not
		issuerHidesCA,  // nothing can put the CA into the configurations
		notYetInjected, // what is left
	} {
		if cause := check(f); cause != "" {
			return cause
		}
	}
	return ""
}

func notInstalled(f findings) string {
	if !meta.IsNoMatchError(f.err) {
		return ""
	}
	return "the API server knows no Certificates of cert-manager.io: install cert-manager, or set the chart's value " +
		"certificates.provider to self"
}

func noCertificate(f findings) string {
	if !apierrors.IsNotFound(f.err) {
		return ""
	}
	return fmt.Sprintf("Certificate %s does not exist: install the chart again", f.name)
}

func unreadable(f findings) string {
	if f.err == nil {
		return ""
	}
	return fmt.Sprintf("Certificate %s cannot be read: %v", f.name, f.err)
}

func notReady(f findings) string {
	ready := apiutil.GetCertificateCondition(f.certificate, cmapi.CertificateConditionReady)
	if ready == nil {
		return fmt.Sprintf("cert-manager has not looked at Certificate %s yet; is its controller running?", f.name)
	}
	if ready.Status == cmmeta.ConditionTrue {
		return ""
	}
	causes := []string{fmt.Sprintf("Certificate %s is not ready: %s: %s", f.name, ready.Reason, ready.Message)}
	issuing := apiutil.GetCertificateCondition(f.certificate, cmapi.CertificateConditionIssuing)
	if issuing != nil && issuing.Status == cmmeta.ConditionFalse {
		causes = append(causes, fmt.Sprintf("the last attempt to issue it: %s: %s", issuing.Reason, issuing.Message))
	}
	return strings.Join(append(causes, pending(f)...), "; ")
}

// pending tells what became of the latest CertificateRequest.
func pending(f findings) []string {
	var latest *cmapi.CertificateRequest
	for i := range f.requests {
		r := &f.requests[i]
		if metav1.IsControlledBy(r, f.certificate) && (latest == nil || latest.CreationTimestamp.Before(&r.CreationTimestamp)) {
			latest = r
		}
	}
	if latest == nil {
		return nil
	}
	what := fmt.Sprintf("CertificateRequest %s", latest.Name)
	if apiutil.CertificateRequestIsDenied(latest) {
		denied := apiutil.GetCertificateRequestCondition(latest, cmapi.CertificateRequestConditionDenied)
		return []string{fmt.Sprintf("%s was denied: %s", what, denied.Message)}
	}
	ready := apiutil.GetCertificateRequestCondition(latest, cmapi.CertificateRequestConditionReady)
	if ready == nil {
		return []string{what + " waits for its issuer or for an approval"}
	}
	return []string{fmt.Sprintf("%s: %s: %s", what, ready.Reason, ready.Message)}
}

func secretNotFull(f findings) string {
	if f.hasCertificate {
		return ""
	}
	return fmt.Sprintf("Certificate %s is ready, but there is no usable certificate in its Secret %s", f.name, f.certificate.Spec.SecretName)
}

func issuerHidesCA(f findings) string {
	if f.hasCA {
		return ""
	}
	ref := f.certificate.Spec.IssuerRef
	return fmt.Sprintf("the Secret %s of Certificate %s has no %s, so cert-manager has nothing to put into the webhook "+
		"configurations: %s %s does not tell its CA; name an issuer that does in certificates.certManager.issuerRef",
		f.certificate.Spec.SecretName, f.name, caCertKey, apiutil.IssuerKind(ref), ref.Name)
}

func notYetInjected(f findings) string {
	return fmt.Sprintf("cert-manager's cainjector has not put the CA of Certificate %s into the webhook configurations; "+
		"is it running, and may it write there?", f.name)
}
