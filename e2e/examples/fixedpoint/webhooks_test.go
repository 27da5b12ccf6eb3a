// SPDX-License-Identifier: Apache-2.0

package fixedpoint

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/windlass-operator/windlass/e2e/examples"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/webhook/schedpatch"
	"github.com/windlass-operator/windlass/webhook/sidecarset"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
	"github.com/windlass-operator/windlass/webhook/statefulset"
)

// configurations are those of the chart. envtest puts the address of this process into them.
func configurations() (mutating []*admissionregistrationv1.MutatingWebhookConfiguration, validating []*admissionregistrationv1.ValidatingWebhookConfiguration) {
	objects, err := examples.RenderChart("../../../charts/windlass", nil)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	for _, object := range objects {
		var into any
		switch object.GetKind() {
		case "MutatingWebhookConfiguration":
			mutating = append(mutating, &admissionregistrationv1.MutatingWebhookConfiguration{})
			into = mutating[len(mutating)-1]
		case "ValidatingWebhookConfiguration":
			validating = append(validating, &admissionregistrationv1.ValidatingWebhookConfiguration{})
			into = validating[len(validating)-1]
		default:
			continue
		}
		ExpectWithOffset(1, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into)).To(Succeed())
	}
	ExpectWithOffset(1, mutating).NotTo(BeEmpty())
	ExpectWithOffset(1, validating).NotTo(BeEmpty())
	return mutating, validating
}

// serveWebhooks answers for our kinds as the webhook program does, until the suite ends. No Pods are made here.
func serveWebhooks(served *apiserver.Server) {
	GinkgoHelper()
	mgr := served.NewWebhook()
	var stored *sidecarset.Followed
	DeferCleanup(apiserver.Run(mgr, func(running context.Context) {
		var err error
		stored, err = sidecarset.Follow(running, mgr.GetCache())
		Expect(err).NotTo(HaveOccurred())
		sidecarSets, err := sidecarset.NewValidator(sidecarset.Config{
			Stored: stored.Stored, Live: mgr.GetAPIReader(), Namespaces: mgr.GetCache(),
			Policy: policy.NewFile("", policy.Parse), Patches: policy.NewFile("", policy.ParsePatchRules),
		})
		Expect(err).NotTo(HaveOccurred())
		statefulSets := statefulset.NewValidator(statefulset.Config{
			StorageClasses: mgr.GetCache(), Namespaces: mgr.GetAPIReader(),
			CanResize: func(context.Context) (bool, error) { return true, nil },
		})
		server := mgr.GetWebhookServer()
		server.Register(sidecarset.MutatePath, &webhook.Admission{Handler: sidecarset.Defaulter{}})
		server.Register(sidecarset.ValidatePath, &webhook.Admission{Handler: sidecarSets})
		server.Register(statefulset.ValidatePath, &webhook.Admission{Handler: statefulSets})
		server.Register(schedpatch.ValidatePath, &webhook.Admission{Handler: &schedpatch.Validator{Namespaces: mgr.GetCache(), Clock: clock.RealClock{}}})
	}))
	apiserver.AwaitWebhook(mgr.GetWebhookServer())
	Eventually(stored.Synced, apiserver.Patience).Should(Succeed())
}
