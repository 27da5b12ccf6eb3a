// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// checked is what `check` found, by verdict: findings by the names of checks.
type checked struct {
	found map[string]map[string]string
	code  int
	text  string
}

// check runs `check`, which must be able to print what it found.
func check(ctx context.Context, args ...string) checked {
	GinkgoHelper()
	plugin, err := cluster.Plugin(ctx)
	Expect(err).NotTo(HaveOccurred())
	answer, err := plugin.Run(ctx, append([]string{"check", "-o", "json"}, args...)...)
	Expect(err).NotTo(HaveOccurred())
	list := struct {
		Items []struct{ Name, Verdict, Finding, Hint string }
	}{}
	Expect(json.Unmarshal([]byte(answer.Out), &list)).To(Succeed(), "%+v", answer)
	out := checked{found: map[string]map[string]string{}, code: answer.Code, text: answer.Out}
	for _, item := range list.Items {
		if out.found[item.Verdict] == nil {
			out.found[item.Verdict] = map[string]string{}
		}
		out.found[item.Verdict][item.Name] = item.Finding + "\n" + item.Hint
	}
	return out
}

var _ = Describe("kubectl windlass check", Ordered, Serial, func() {
	BeforeAll(func(ctx SpecContext) { Expect(release.EnsureInstalled(ctx)).To(Succeed()) }, NodeTimeout(framework.SpecPatience))

	AfterAll(func(ctx SpecContext) { Expect(release.EnsureInstalled(ctx)).To(Succeed()) }, NodeTimeout(framework.SpecPatience))

	It("finds nothing wrong with an installation that works", func(ctx SpecContext) {
		var got checked
		Eventually(ctx, func() map[string]string { // another spec may have let Pods of the programs go a moment ago
			got = check(ctx)
			return got.found["failed"]
		}).Should(BeEmpty())
		Expect(got.code).To(BeZero())
		Expect(got.found["not checked"]).To(BeEmpty())
		Expect(got.found["ok"]).To(And(HaveKey("leader"), HaveKey("serving certificate"), HaveKey("admission"), HaveKey("schemas"), HaveKey("releases"),
			HaveKey("rights of the operator"), HaveKey("rights of the webhook"), HaveKey("disruption budgets")), got.text)
	}, SpecTimeout(framework.SpecPatience))

	It("says what somebody may not read", func(ctx SpecContext) {
		got := check(ctx, "--as=nobody", "--as-group=system:authenticated")
		Expect(got.code).To(BeZero(), got.text)
		Expect(got.found["not checked"]).To(And(
			HaveKeyWithValue("kubelets", "you may not list nodes\n"),
			HaveKeyWithValue("installation", ContainSubstring("you may not list deployments.apps in namespace windlass-system")),
		), got.text)
		Expect(got.found["ok"]).To(HaveKey("Kubernetes"))
	})

	It("names what is broken, and is content again when it is not", func(ctx SpecContext) {
		By("taking the webhook away")
		takeWebhooksAway(ctx)
		service := "Service " + options.Namespace + "/windlass-webhook"
		Eventually(ctx, func() map[string]string { return check(ctx).found["failed"] }).Should(And(
			HaveKeyWithValue("Deployment "+options.Namespace+"/windlass-webhook", And(
				ContainSubstring("it is scaled to 0 replicas"), ContainSubstring("kubectl scale deployment windlass-webhook"))),
			HaveKeyWithValue(service, ContainSubstring("it leads to no webhook that is ready")),
			HaveKeyWithValue("admission", ContainSubstring("was not admitted in a dry run")),
		))

		By("having API servers trust somebody else") // which the webhook, were it there, would mend
		other, _, err := cert.GenerateSelfSignedCertKey("other", nil, nil)
		Expect(err).NotTo(HaveOccurred())
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: framework.ReleaseName}, configuration)).To(Succeed())
		before := configuration.DeepCopy()
		for i := range configuration.Webhooks {
			configuration.Webhooks[i].ClientConfig.CABundle = other
		}
		Expect(cluster.Client.Patch(ctx, configuration, client.MergeFrom(before))).To(Succeed())
		Expect(check(ctx).found["failed"]).To(HaveKeyWithValue("serving certificate", And(
			ContainSubstring("for 3 of 7 webhooks"), ContainSubstring("certificate signed by unknown authority"))))

		By("taking a definition away") // while no webhook follows its objects, and no spec has any
		definition := &apiextensionsv1.CustomResourceDefinition{}
		Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: "schedpatches.apps.kruise.io"}, definition)).To(Succeed())
		Expect(cluster.Client.Delete(ctx, definition)).To(Succeed())
		Eventually(ctx, func() map[string]string { return check(ctx).found["failed"] }).Should(
			HaveKeyWithValue("CustomResourceDefinition schedpatches.apps.kruise.io", And(ContainSubstring("not found"), ContainSubstring("helm upgrade"))))

		By("bringing everything back")
		fresh := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{
			Name: definition.Name, Labels: definition.Labels, Annotations: definition.Annotations,
		}, Spec: definition.Spec}
		Eventually(ctx, func() error { return cluster.Client.Create(ctx, fresh.DeepCopy()) }).Should(Succeed())
		awaitWebhooks(ctx)
		Eventually(ctx, func() map[string]string { return check(ctx).found["failed"] }).Should(BeEmpty())
	}, SpecTimeout(framework.SpecPatience))

	It("says before an installation what stands in its way, in the chart's words", func(ctx SpecContext) {
		_, err := release.Uninstall()
		Expect(err).NotTo(HaveOccurred())
		awaitNoPrograms(ctx)
		none := check(ctx)
		Expect(none.code).To(Equal(1))
		Expect(none.found["failed"]).To(HaveKeyWithValue("installation", ContainSubstring("there is none in this cluster")))
		before := check(ctx, "--pre")
		Expect(before.code).To(BeZero(), before.text)
		Expect(before.found["ok"]).To(And(HaveKey("rights to install"),
			HaveKeyWithValue("installation", ContainSubstring("nothing stands in the way of release windlass"))))

		second := release.Named("second")
		_, err = second.Install(ctx, nil)
		Expect(err).To(HaveOccurred())
		says := check(ctx, "--pre", "--release=second")
		Expect(says.code).To(Equal(1))
		Expect(err).To(MatchError(ContainSubstring(says.found["failed"]["CustomResourceDefinition sidecarsets.apps.kruise.io"])))
	}, SpecTimeout(framework.SpecPatience))
})
