// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// typed runs a command line of the plug-in, which must end with 0, and returns what it wrote.
func typed(ctx context.Context, args ...string) string {
	GinkgoHelper()
	answer := answerTo(ctx, args...)
	Expect(answer.Code).To(BeZero(), "%v: %+v", args, answer)
	return answer.Out
}

func answerTo(ctx context.Context, args ...string) framework.PluginAnswer {
	GinkgoHelper()
	plugin, err := cluster.Plugin(ctx)
	Expect(err).NotTo(HaveOccurred())
	answer, err := plugin.Run(ctx, args...)
	Expect(err).NotTo(HaveOccurred())
	return answer
}

var _ = Describe("kubectl windlass", func() {
	It("shows, changes and undoes the rollout of a StatefulSet", func(ctx SpecContext) {
		s, _ := startStateful(ctx, 2)
		in := []string{"-n", s.key.Namespace}
		do := func(args ...string) string {
			GinkgoHelper()
			return typed(ctx, append(args, in...)...)
		}
		Expect(do("status", "asts/app")).To(And(ContainSubstring("Complete"), ContainSubstring("2/2")))
		Expect(do("tree", "asts/app")).To(And(ContainSubstring("app-0   ready"), ContainSubstring("app-1   ready")))

		Expect(do("pause", "asts/app")).To(ContainSubstring("asts/app is paused"))
		Expect(do("set", "image", "asts/app", "app="+framework.AppImageV2)).To(ContainSubstring(framework.AppImage + " -> " + framework.AppImageV2))
		Eventually(ctx, func() string { return do("status", "asts/app") }).Should(And(ContainSubstring("Paused"), ContainSubstring("0/2")))
		do("resume", "asts/app")
		Expect(images(s.awaitDone(ctx), framework.AppContainer)).To(HaveEach(framework.AppImageV2))

		Expect(do("history", "asts/app")).To(And(ContainSubstring("app="+framework.AppImage+"\n"), ContainSubstring("now"), ContainSubstring(framework.AppImageV2)))
		do("undo", "asts/app")
		Expect(images(s.awaitDone(ctx), framework.AppContainer)).To(HaveEach(framework.AppImage))

		before := framework.Identities(s.pods(ctx))
		do("restart", "asts/app")
		Expect(framework.Identities(s.awaitDone(ctx))).NotTo(Equal(before))
		Expect(do("exclusions")).To(ContainSubstring("No node is excluded"))

		By("leaving what Argo CD owns to Git")
		s.change(ctx, func(set *v1beta1.StatefulSet) {
			set.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps.kruise.io/StatefulSet:" + s.key.Namespace + "/app"}
		})
		refused := answerTo(ctx, append([]string{"pause", "asts/app"}, in...)...)
		Expect(refused).To(And(HaveField("Code", 1), HaveField("Err", And(
			ContainSubstring("asts/app is managed by Argo CD (Application shop)"), ContainSubstring("spec.updateStrategy.rollingUpdate.paused: true")))))
		Expect(do("pause", "asts/app", "--force")).To(ContainSubstring("asts/app is paused"))
	}, SpecTimeout(framework.SpecPatience))

	It("shows, changes and undoes the rollout of a SidecarSet", func(ctx SpecContext) {
		r := startRollout(ctx, 2)
		set := "sidecarset/" + r.set
		Expect(typed(ctx, "versions", set, "-A")).To(And(ContainSubstring(r.before[0].Name), ContainSubstring(framework.SidecarImage)))
		Expect(typed(ctx, "pause", set)).To(ContainSubstring(set + " is paused"))
		typed(ctx, "set", "image", set, framework.SidecarContainer+"="+framework.SidecarImageV2)
		awaitKnown(ctx, r.set)
		Expect(typed(ctx, "tree", set)).To(And(ContainSubstring("Paused"), ContainSubstring(r.namespace+"/"+r.before[0].Name)))
		typed(ctx, "resume", set)
		Expect(images(r.awaitReady(ctx, v1beta1.ReasonComplete), framework.SidecarContainer)).To(HaveEach(framework.SidecarImageV2))
		Expect(typed(ctx, "history", set)).To(And(ContainSubstring(framework.SidecarImage), ContainSubstring(framework.SidecarImageV2)))

		By("leaving what Flux owns to Git")
		r.change(ctx, func(set *v1beta1.SidecarSet) {
			set.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "mesh", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
		})
		refused := answerTo(ctx, "undo", set)
		Expect(refused).To(And(HaveField("Code", 1), HaveField("Err", And(ContainSubstring("is managed by Flux"), ContainSubstring("Commit instead")))))
		r.change(ctx, func(set *v1beta1.SidecarSet) { set.Labels = nil })
		typed(ctx, "undo", set)
		Expect(images(r.awaitReady(ctx, v1beta1.ReasonComplete), framework.SidecarContainer)).To(HaveEach(framework.SidecarImage))
		Expect(answerTo(ctx, "restart", set)).To(HaveField("Code", 1), "nothing restarts a container of a running Pod but a change of it")
	}, SpecTimeout(framework.SpecPatience))
})
