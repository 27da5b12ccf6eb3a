// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// What an update costs the API server, by its own log.
var _ = Describe("The update of a Pod in place", func() {
	DescribeTable("takes so many writes to it", func(ctx SpecContext, want int, edit func(*v1beta1.SidecarSet)) {
		if !cluster.CanAudit() {
			Skip("-audit-log is not set: the API server's own count cannot be read")
		}
		r := startRollout(ctx, 2, edit)
		mark, err := cluster.AuditMark()
		Expect(err).NotTo(HaveOccurred())

		r.change(ctx, setImage(framework.SidecarImageV2))
		Expect(images(r.awaitReady(ctx, v1beta1.ReasonComplete), framework.SidecarContainer)).To(HaveEach(framework.SidecarImageV2))

		writes, err := cluster.PodWrites(mark, r.namespace, "system:serviceaccount:"+options.Namespace+":")
		Expect(err).NotTo(HaveOccurred())
		byPod := map[string][]string{}
		for i := range writes {
			byPod[writes[i].Name] = append(byPod[writes[i].Name], writes[i].What())
		}
		for name, of := range byPod {
			figure(name, "%d writes: %s", len(of), strings.Join(of, ", "))
		}
		for i := range r.before {
			Expect(byPod[r.before[i].Name]).To(HaveLen(want), "writes to Pod %s", r.before[i].Name)
		}
	},
		Entry("one by default", 1, func(*v1beta1.SidecarSet) {}, SpecTimeout(2*time.Minute)),
	)
})
