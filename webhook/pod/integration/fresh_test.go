// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/freshness"
	"github.com/windlass-operator/windlass/webhook/pod"
	"github.com/windlass-operator/windlass/webhook/sidecarset"
)

// lag is how long a replica takes to hear of each change of a SidecarSet.
const lag = 100 * time.Millisecond

// slowReplica follows the SidecarSets of the API server, each change late.
func slowReplica(ctx context.Context) *sidecarset.Followed {
	GinkgoHelper()
	slow, err := cache.New(cluster.Config, cache.Options{Scheme: program.Scheme(), ByObject: map[client.Object]cache.ByObject{
		&v1beta1.SidecarSet{}: {Transform: func(object any) (any, error) {
			time.Sleep(lag)
			return object, nil
		}},
	}})
	Expect(err).NotTo(HaveOccurred())
	known, err := sidecarset.Follow(ctx, slow)
	Expect(err).NotTo(HaveOccurred())
	go func() {
		defer GinkgoRecover()
		Expect(slow.Start(ctx)).To(Succeed())
	}()
	Eventually(known.Synced).WithTimeout(serverPatience).Should(Succeed())
	return known
}

var _ = Describe("A set and its first Pod, one right after the other", func() {
	var running context.Context
	BeforeEach(func() {
		var cancel context.CancelFunc
		running, cancel = context.WithCancel(context.Background())
		DeferCleanup(cancel)
	})

	// admitted counts the Pods that are let in without their sidecar, and those that are refused.
	admitted := func(ctx context.Context, h *pod.Handler, prefix string, count int) (bare, refused int) {
		for i := range count {
			name := fmt.Sprintf("%s-%d", prefix, i)
			set := build.MakeSidecarSet(name).Container("agent", "agent:1").Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"x": name}}).Obj()
			set.ObjectMeta = metav1.ObjectMeta{Name: name}
			Expect(k8s.Create(ctx, set)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, set))).To(Succeed()) })
			response := h.Handle(ctx, newPod(name))
			switch {
			case !response.Allowed:
				refused++
			case len(response.Patches) == 0:
				bare++
			}
		}
		return bare, refused
	}

	It("go together where injection is enforced, however late the replica hears of the set", func(ctx SpecContext) {
		known := slowReplica(running)
		h := &pod.Handler{Sets: known.Index, Reader: k8s, Enforced: true, Fresh: freshness.New(known.Seen, k8s), Clock: clock.RealClock{}}
		bare, refused := admitted(ctx, h, "enforced", 20)
		Expect(bare).To(BeZero(), "Pods without their sidecar")
		Expect(refused).To(BeZero(), "Pods that were refused though the replica heard of the set in time")
	}, SpecTimeout(time.Minute))

	It("may miss each other elsewhere: that is the gap", func(ctx SpecContext) {
		known := slowReplica(running)
		bare, _ := admitted(ctx, &pod.Handler{Sets: known.Index, Reader: k8s, Clock: clock.RealClock{}}, "ordinary", 3)
		Expect(bare).To(Equal(3))
	}, SpecTimeout(time.Minute))
})

// newPod is the request to create a Pod with the label x.
func newPod(x string) admission.Request {
	GinkgoHelper()
	raw, err := json.Marshal(build.MakePod("p").Label("x", x).New().Obj())
	Expect(err).NotTo(HaveOccurred())
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Operation: admissionv1.Create, Namespace: "default",
		Object: runtime.RawExtension{Raw: raw},
	}}
}
