// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// meshLabel is taken from a Pod by another program when its traffic is elsewhere, and given back afterwards.
const meshLabel = "e2e.windlass.dev/in-mesh"

// What an update costs the API server, by its own log.
var _ = Describe("The update of a Pod in place", func() {
	DescribeTable("takes so many writes to it", func(ctx SpecContext, want int, edit func(*v1beta1.SidecarSet)) {
		if !cluster.CanAudit() {
			Skip("-audit-log is not set: the API server's own count cannot be read")
		}
		r := startRollout(ctx, 2, edit)
		defer r.obeyHook(ctx)()
		mark, err := cluster.AuditMark()
		Expect(err).NotTo(HaveOccurred())

		r.change(ctx, setImage(framework.SidecarImageV2))
		Expect(images(r.awaitReady(ctx, v1beta1.ReasonComplete), framework.SidecarContainer)).To(HaveEach(framework.SidecarImageV2))

		writes, err := mark.PodWrites(r.namespace, "system:serviceaccount:"+options.Namespace+":")
		Expect(err).NotTo(HaveOccurred())
		byPod := map[string][]string{}
		for i := range writes {
			if writes[i].Taken() {
				byPod[writes[i].Name] = append(byPod[writes[i].Name], writes[i].What())
			}
		}
		for name, of := range byPod {
			figure(name, "%d writes: %s", len(of), strings.Join(of, ", "))
		}
		for i := range r.before {
			Expect(byPod[r.before[i].Name]).To(HaveLen(want), "writes to Pod %s", r.before[i].Name)
		}
	},
		Entry("one by default", 1, func(*v1beta1.SidecarSet) {}, SpecTimeout(framework.SpecPatience)),
		Entry("three with a grace period", 3, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.GracePeriodSeconds = 1
		}, SpecTimeout(framework.SpecPatience)),
		Entry("five with a hook", 5, func(set *v1beta1.SidecarSet) {
			set.Spec.Lifecycle = &v1beta1.SidecarSetLifecycle{InPlaceUpdate: &v1beta1.LifecycleHook{
				LabelsHandler: map[string]string{meshLabel: "true"}, MarkPodNotReady: true,
			}}
		}, SpecTimeout(framework.SpecPatience)),
	)
})

// obeyHook does what the other program of a hook does, until the function that it returns is called: it takes meshLabel
// from Pods that are to be updated, and gives it back to those that were.
func (r *rollout) obeyHook(ctx context.Context) (stop func()) {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(done)
		for ctx.Err() == nil {
			for _, pod := range r.pods(context.WithoutCancel(ctx)) {
				state := pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation]
				in := pod.Labels[meshLabel] == "true"
				switch {
				case in && strings.Contains(state, string(v1beta1.LifecycleStatePreparingUpdate)):
					r.label(context.WithoutCancel(ctx), &pod, meshLabel, "")
				case !in && strings.Contains(state, `"`+string(v1beta1.LifecycleStateUpdated)+`"`):
					r.label(context.WithoutCancel(ctx), &pod, meshLabel, "true")
				}
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
