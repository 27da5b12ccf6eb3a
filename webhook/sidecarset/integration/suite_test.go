// SPDX-License-Identifier: Apache-2.0

// Package integration writes SidecarSets to a real API server that asks our webhook, with the schema of the CRD before
// it.
package integration

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/webhook/sidecarset"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
)

const patience = 20 * time.Second

var (
	k8s      client.Client
	stored   *sidecarset.Followed
	warnings *build.Warnings
)

func TestSidecarSetAdmission(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The admission of SidecarSets on a real API server")
}

var _ = BeforeSuite(func() {
	server := apiserver.Start(func(cluster *envtest.Environment) {
		cluster.WebhookInstallOptions.ValidatingWebhooks = []*admissionregistrationv1.ValidatingWebhookConfiguration{configuration()}
	})
	k8s, warnings = server.Client, server.Warnings
	mgr := server.NewWebhook()
	DeferCleanup(apiserver.Run(mgr, func(running context.Context) {
		var err error
		stored, err = sidecarset.Follow(running, mgr.GetCache())
		Expect(err).NotTo(HaveOccurred())
		validator, err := sidecarset.NewValidator(sidecarset.Config{
			Stored: stored.Stored, Live: mgr.GetAPIReader(), Namespaces: mgr.GetCache(),
			Policy: policy.NewFile("", policy.Parse), Patches: policy.NewFile("", policy.ParsePatchRules),
		})
		Expect(err).NotTo(HaveOccurred())
		mgr.GetWebhookServer().Register(sidecarset.ValidatePath, &webhook.Admission{Handler: validator})
	}))
	apiserver.AwaitWebhook(mgr.GetWebhookServer())
	Eventually(stored.Synced, patience).Should(Succeed())
})

// configuration is what the chart installs, but for the address.
func configuration() *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "sidecarsets.apps.kruise.io",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{
				Namespace: "default", Name: "windlass-webhook", Path: ptr.To(sidecarset.ValidatePath),
			}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{"apps.kruise.io"}, APIVersions: []string{"v1alpha1", "v1beta1"}, Resources: []string{"sidecarsets"},
				},
			}},
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
}
