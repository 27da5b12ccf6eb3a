// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	statefulSetDefinition = "statefulsets.apps.kruise.io"
	// ownerAnnotation is where Helm writes which release an object belongs to.
	ownerAnnotation = "meta.helm.sh/release-name"
)

// patchInSentence is the command that the chart's refusal of OpenKruise's definitions advises.
var patchInSentence = regexp.MustCompile(`kubectl patch crd (\S+) --type merge --patch '([^']+)'`)

var adopting = map[string]any{"crds": map[string]any{"adopt": true}}

var _ = Describe("The chart, in a cluster that has something of it already", Ordered, Serial, func() {
	set := framework.SidecarSet("e2e-adopted", "e2e-adopted", "app")
	var second *framework.Release

	BeforeAll(func(ctx SpecContext) {
		Expect(release.EnsureInstalled(ctx)).To(Succeed())
		second = release.Named("second")
		Expect(cluster.Client.Create(ctx, set)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.DeleteSidecarSet(ctx, set.Name)).To(Succeed()) })
	})

	AfterAll(func(ctx SpecContext) {
		Expect(second.EnsureUninstalled()).To(Succeed())
		installed, err := release.Installed()
		Expect(err).NotTo(HaveOccurred())
		if !installed {
			awaitNoPrograms(ctx)
			_, err = release.TakingOwnership().Install(ctx, adopting)
			Expect(err).NotTo(HaveOccurred())
		}
	}, NodeTimeout(framework.SpecPatience))

	It("passes helm test, which leaves nothing behind", func(ctx SpecContext) {
		took, err := release.Test()
		Expect(err).NotTo(HaveOccurred())
		figure("helm test", "%.1f s", took.Seconds())
		Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: options.Namespace, Name: framework.ReleaseName + "-test"}, &corev1.Pod{})).
			To(MatchError(ContainSubstring("not found")))
	}, SpecTimeout(framework.SpecPatience))

	It("refuses to be installed a second time, and names the first", func(ctx SpecContext) {
		_, err := second.Install(ctx, nil)
		Expect(err).To(MatchError(ContainSubstring("belongs to the release windlass in namespace " + options.Namespace)))
		Expect(err).To(MatchError(ContainSubstring("One installation serves the whole cluster")))
		programs(ctx)
	}, SpecTimeout(framework.SpecPatience))

	It("refuses the definitions that a release left, and says how to go on", func(ctx SpecContext) {
		_, err := release.Uninstall()
		Expect(err).NotTo(HaveOccurred())
		awaitNoPrograms(ctx)
		_, err = second.Install(ctx, nil)
		Expect(err).To(MatchError(And(
			ContainSubstring("it belongs to the release windlass in namespace "+options.Namespace),
			ContainSubstring("crds.adopt=true and Helm's --take-ownership"),
			ContainSubstring("crds.install=false"),
		)))
	}, SpecTimeout(framework.SpecPatience))

	It("uses them as they are with crds.install=false", func(ctx SpecContext) {
		_, err := second.Install(ctx, map[string]any{"crds": map[string]any{"install": false}})
		Expect(err).NotTo(HaveOccurred())
		Expect(definitionOf(ctx).Annotations).To(HaveKeyWithValue(ownerAnnotation, framework.ReleaseName))
		_, err = second.Test()
		Expect(err).NotTo(HaveOccurred())
		_, err = second.Uninstall()
		Expect(err).NotTo(HaveOccurred())
		awaitNoPrograms(ctx)
	}, SpecTimeout(framework.SpecPatience))

	It("adopts OpenKruise's with the steps that its refusal names", func(ctx SpecContext) {
		becomeOpenKruises(ctx)
		_, err := second.TakingOwnership().Install(ctx, adopting)
		Expect(err).To(MatchError(ContainSubstring("OpenKruise's controllers must be gone first")))

		advised := patchInSentence.FindStringSubmatch(err.Error())
		Expect(advised).To(HaveLen(3), "the refusal names a command")
		kubectl(ctx, "", "patch", "crd", advised[1], "--type", "merge", "--patch", advised[2])

		_, err = second.TakingOwnership().Install(ctx, adopting)
		Expect(err).NotTo(HaveOccurred())
		definition := definitionOf(ctx)
		Expect(definition.Annotations).To(HaveKeyWithValue(ownerAnnotation, "second"))
		Expect(definition.Labels).To(HaveKeyWithValue("app.kubernetes.io/part-of", "windlass"))
		Expect(definition.Spec.Conversion.Strategy).To(Equal(apiextensionsv1.NoneConverter))
		_, err = second.Test()
		Expect(err).NotTo(HaveOccurred())

		survivor, err := cluster.GetSidecarSet(ctx, set.Name)
		Expect(err).NotTo(HaveOccurred())
		Expect(survivor.UID).To(Equal(set.UID), "the objects of the definitions are left as they are")
	}, SpecTimeout(framework.SpecPatience))
})

// awaitNoPrograms waits until the Pods of no release are left.
func awaitNoPrograms(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, func() ([]corev1.Pod, error) {
		pods := &corev1.PodList{}
		err := cluster.Client.List(ctx, pods, client.InNamespace(options.Namespace), client.MatchingLabels{"app.kubernetes.io/name": "windlass"})
		return pods.Items, err
	}).Should(BeEmpty())
}

func definitionOf(ctx context.Context) *apiextensionsv1.CustomResourceDefinition {
	GinkgoHelper()
	definition := &apiextensionsv1.CustomResourceDefinition{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: statefulSetDefinition}, definition)).To(Succeed())
	return definition
}

// becomeOpenKruises gives a definition the traits of OpenKruise's: its release, and a conversion webhook that nobody
// serves any more.
func becomeOpenKruises(ctx context.Context) {
	GinkgoHelper()
	definition := definitionOf(ctx)
	definition.Labels = nil
	definition.Annotations = map[string]string{ownerAnnotation: "kruise", "meta.helm.sh/release-namespace": "default"}
	port, path := int32(443), "/convert"
	definition.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{
		Strategy: apiextensionsv1.WebhookConverter,
		Webhook: &apiextensionsv1.WebhookConversion{
			ConversionReviewVersions: []string{"v1", "v1beta1"},
			ClientConfig: &apiextensionsv1.WebhookClientConfig{
				Service: &apiextensionsv1.ServiceReference{Namespace: "kruise-system", Name: "kruise-webhook-service", Port: &port, Path: &path},
			},
		},
	}
	Expect(cluster.Client.Update(ctx, definition)).To(Succeed())
}
