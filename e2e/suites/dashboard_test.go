// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"fmt"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/browser"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// openBrowser opens a Chromium, until the spec ends.
func openBrowser() *browser.Browser {
	GinkgoHelper()
	if browser.Find() == "" && os.Getenv(browser.Required) == "" {
		Skip("there is no Chromium: apt-get install chromium, or name it by WINDLASS_CHROMIUM")
	}
	chrome, err := browser.Open()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(chrome.Close)
	return chrome
}

var _ = Describe("The dashboard", func() {
	It("shows a rollout as it is, and its buttons do what the commands do", func(ctx SpecContext) {
		chrome := openBrowser()
		r := startRollout(ctx, 4)
		plugin, err := cluster.Plugin(ctx)
		Expect(err).NotTo(HaveOccurred())
		dashboard, err := plugin.Dashboard(context.Background(), "--operator-namespace", cluster.Options.Namespace)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(dashboard.Stop()).To(Succeed()) })
		said := func(selector string) func() (string, error) {
			return func() (string, error) { return chrome.Text(selector) }
		}
		press := func(selector string) {
			GinkgoHelper()
			Expect(browser.Ask[bool](chrome, fmt.Sprintf("(document.querySelector(%q).click(), true)", selector))).To(BeTrue())
		}

		By("showing what is there")
		Expect(chrome.Go(dashboard.URL)).To(Succeed())
		Eventually(ctx, said("#row_sidecarset__"+r.set)).Should(And(ContainSubstring("Complete"), ContainSubstring("4/4")))
		Expect(chrome.Go(dashboard.URL + "sidecarset/" + r.set)).To(Succeed())
		Eventually(ctx, said("#live")).Should(Equal("live"))
		for i := range r.before {
			Expect(chrome.Text("#groups")).To(ContainSubstring(r.namespace + "/" + r.before[i].Name))
		}

		By("following a rollout that is paused and goes on by its buttons")
		press("#actions button")
		Eventually(ctx, said(".note")).Should(ContainSubstring("is paused: no further Pod is updated"))
		r.change(ctx, setImage(framework.SidecarImageV2))
		Eventually(ctx, said("#head")).Should(And(ContainSubstring("Paused"), ContainSubstring("0/4")))
		Expect(chrome.Text("#actions")).To(ContainSubstring("kubectl windlass resume sidecarset/" + r.set))
		press("#actions button")
		Eventually(ctx, said("#head")).Should(ContainSubstring("Rolling"))
		Eventually(ctx, said("#head")).Should(And(ContainSubstring("Complete"), ContainSubstring("4/4")))
		r.awaitReady(ctx, v1beta1.ReasonComplete)
		Eventually(ctx, said("#groups")).Should(ContainSubstring("4 ready"))
		answer, err := plugin.Run(ctx, "tree", "sidecarset/"+r.set)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Out).To(ContainSubstring("the current revision: 4 Pods"))

		By("showing a Pod that fails as soon as it does")
		pod := &r.before[0]
		began := time.Now()
		Expect(cluster.Client.Delete(ctx, pod)).To(Succeed())
		Eventually(ctx, said("#groups")).ShouldNot(ContainSubstring(pod.Name + "\nready"))
		figure("the end of a Pod", "was on the page %s after it was asked for", time.Since(began).Round(time.Millisecond))

		By("going back")
		awaitPods(ctx, r.deployment)
		press("#revision_1 summary")
		Eventually(ctx, said("#revision_1")).Should(And(ContainSubstring(framework.SidecarImage), ContainSubstring("undo sidecarset/"+r.set+" --to-revision 1")))
		press("#revision_1 button")
		Eventually(ctx, said(".note")).Should(ContainSubstring("goes back to revision 1"))
		awaitCondition(ctx, r.set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
		Expect(images(awaitPods(ctx, r.deployment), framework.SidecarContainer)).To(HaveEach(framework.SidecarImage))
		Expect(chrome.Elsewhere(dashboard.URL)).To(BeEmpty(), "requests to others")
		Expect(chrome.Go("about:blank")).To(Succeed())
	}, SpecTimeout(framework.SpecPatience))
})
