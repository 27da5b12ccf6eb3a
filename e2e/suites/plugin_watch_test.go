// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// watched runs a command of the plug-in in a terminal, and returns what reads its screen.
func watched(ctx context.Context, args ...string) (*framework.Terminal, func() (string, error)) {
	GinkgoHelper()
	plugin, err := cluster.Plugin(ctx)
	Expect(err).NotTo(HaveOccurred())
	terminal, err := plugin.Watch(ctx, args...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(terminal.Close(ctx)).To(Succeed()) })
	return terminal, func() (string, error) { return terminal.Screen(ctx) }
}

var _ = Describe("kubectl windlass, in a terminal", func() {
	It("draws a rollout again while it runs, rests, stalls and is undone", func(ctx SpecContext) {
		r := startRollout(ctx, 3, unasked, func(set *v1beta1.SidecarSet) {
			env := set.Spec.Containers[0].Env // slow enough to be seen: it is drawn every two seconds
			env[len(env)-1].Value = "5s"
		})
		set := "sidecarset/" + r.set
		tree, treeScreen := watched(ctx, "tree", set, "-w")
		status, statusScreen := watched(ctx, "status", set, "-w")
		see := func(what ...string) {
			GinkgoHelper()
			for _, screen := range []func() (string, error){treeScreen, statusScreen} {
				for _, text := range what {
					Eventually(ctx, screen).Should(ContainSubstring(text))
				}
			}
		}
		see("Complete")

		By("pausing it, and going on")
		typed(ctx, "pause", set)
		typed(ctx, "set", "image", set, framework.SidecarContainer+"="+framework.SidecarImageV2)
		see("Paused")
		Eventually(ctx, statusScreen).Should(ContainSubstring("0/3"))
		typed(ctx, "resume", set)
		see("Rolling")
		see("Complete")
		Eventually(ctx, statusScreen).Should(ContainSubstring("3/3"))

		By("giving it an image that there is not")
		r.change(ctx, func(set *v1beta1.SidecarSet) { set.Spec.ProgressDeadlineSeconds = ptr.To[int32](5) })
		typed(ctx, "set", "image", set, framework.SidecarContainer+"="+missingImage)
		see("Stalled")
		Eventually(ctx, treeScreen).Should(And(ContainSubstring("cannot be pulled"), ContainSubstring("MaxUnavailable: 2 Pods")))

		By("undoing it")
		typed(ctx, "undo", set)
		see("Complete")
		Expect(images(r.awaitReady(ctx, v1beta1.ReasonComplete), framework.SidecarContainer)).To(HaveEach(framework.SidecarImageV2))
		screen, err := treeScreen()
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Count(screen, set)).To(Equal(1), "what stood there before is gone:\n%s", screen)

		By("ending with ctrl-C")
		for _, terminal := range []*framework.Terminal{tree, status} {
			Expect(terminal.Press(ctx, "C-c")).To(Succeed())
			Eventually(ctx, func() bool { return terminal.Ended(ctx) }).Should(BeTrue())
		}
	}, SpecTimeout(framework.SpecPatience))
})
