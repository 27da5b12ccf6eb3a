// SPDX-License-Identifier: Apache-2.0

// Package integration writes StatefulSets to a real API server that asks our webhook, with the schema of the CRD before
// it.
package integration

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/webhook/statefulset"
)

const (
	patience = 20 * time.Second
	// shop is the namespace of these tests.
	shop = "shop"
)

var (
	k8s      client.Client
	warnings *build.Warnings
	// questions counts what the webhook was asked.
	questions atomic.Int64
)

func TestStatefulSetAdmission(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The admission of StatefulSets on a real API server")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	server := apiserver.Start(func(cluster *envtest.Environment) {
		cluster.WebhookInstallOptions.ValidatingWebhooks = []*admissionregistrationv1.ValidatingWebhookConfiguration{configuration()}
	})
	k8s, warnings = server.Client, server.Warnings
	Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop}})).To(Succeed())
	for name, expands := range map[string]bool{"elastic": true, "rigid": false} {
		Expect(k8s.Create(ctx, &storagev1.StorageClass{
			ObjectMeta:  metav1.ObjectMeta{Name: name, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
			Provisioner: "example.com/none", AllowVolumeExpansion: ptr.To(expands),
		})).To(Succeed())
	}

	mgr := server.NewWebhook()
	validator := statefulset.NewValidator(statefulset.Config{
		StorageClasses: mgr.GetCache(), Namespaces: mgr.GetAPIReader(),
		CanResize: func(context.Context) (bool, error) { return true, nil },
	})
	mgr.GetWebhookServer().Register(statefulset.ValidatePath, &webhook.Admission{Handler: admission.HandlerFunc(
		func(ctx context.Context, request admission.Request) admission.Response {
			questions.Add(1)
			return validator.Handle(ctx, request)
		})})
	DeferCleanup(apiserver.Run(mgr, nil))
	apiserver.AwaitWebhook(mgr.GetWebhookServer())
	Eventually(isAsked, patience).WithContext(ctx).Should(BeTrue())
})

// isAsked reports whether the API server asks the webhook: of a set that the schema alone lets pass.
func isAsked(ctx context.Context) bool {
	probe := newSet("probe")
	probe.Spec.Template.Labels = nil
	return k8s.Create(ctx, probe, client.DryRunAll) != nil
}

// configuration is what the chart installs, but for the address.
func configuration() *admissionregistrationv1.ValidatingWebhookConfiguration {
	writes := reviewed("statefulsets.apps.kruise.io", admissionregistrationv1.Create, admissionregistrationv1.Update)
	writes.MatchConditions = []admissionregistrationv1.MatchCondition{
		{Name: "not-being-deleted", Expression: "!has(object.metadata.deletionTimestamp)"},
		{Name: "changes-what-is-judged", Expression: "request.operation == 'CREATE' || object.spec != oldObject.spec || object.metadata.?labels != oldObject.metadata.?labels"},
	}
	deletions := reviewed("statefulset-deletions.apps.kruise.io", admissionregistrationv1.Delete)
	deletions.ObjectSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: v1beta1.DeleteProtectionLabel, Operator: metav1.LabelSelectorOpExists},
	}}
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
		Webhooks:   []admissionregistrationv1.ValidatingWebhook{writes, deletions},
	}
}

func reviewed(name string, operations ...admissionregistrationv1.OperationType) admissionregistrationv1.ValidatingWebhook {
	return admissionregistrationv1.ValidatingWebhook{
		Name: name,
		ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{
			Namespace: "default", Name: "windlass-webhook", Path: ptr.To(statefulset.ValidatePath),
		}},
		Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: operations,
			Rule: admissionregistrationv1.Rule{
				APIGroups: []string{"apps.kruise.io"}, APIVersions: []string{"v1alpha1", "v1beta1"}, Resources: []string{"statefulsets"},
			},
		}},
		SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
		AdmissionReviewVersions: []string{"v1"},
	}
}
