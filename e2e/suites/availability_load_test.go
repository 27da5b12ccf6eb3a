// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// loadPods is how many Pods take the requests, loadDown how many of them may be out of service at a time.
	loadPods, loadDown = 4, 2
	// loadRequests are sent at least, so many in a second, each of which takes its application 50 ms.
	loadRequests, loadRate = 10_000, 400
	// drainSeconds is the gracePeriodSeconds that is measured.
	drainSeconds = 5
	// busyRequests, busyRate and busySeconds are the same where nothing is measured: they leave CPU to others, and time to
	// kubelets and to the controller of EndpointSlices where others take it all.
	busyRequests, busyRate, busySeconds = 2_500, 100, 10
)

// A proxy that ends at SIGTERM takes with it the requests that it is busy with, and refuses those that come until it is
// back. What that costs its clients, and what draining spares them, is measured here; the documentation has the figures.
var _ = Describe("A rollout of a proxy under load", func() {
	It("loses no request of clients that follow EndpointSlices, when Pods are drained before", func(ctx SpecContext) {
		report := rolloutUnderLoad(ctx, busySeconds, framework.TrafficOptions{Requests: busyRequests, PerSecond: busyRate})
		Expect(report.Lost).To(BeZero(), "requests lost: %v", report.Losses)
	}, SpecTimeout(framework.SpecPatience))

	It("loses requests when Pods are not drained", func(ctx SpecContext) {
		report := rolloutUnderLoad(ctx, 0, framework.TrafficOptions{Requests: 2 * busyRate, PerSecond: busyRate})
		Expect(report.Lost).To(BeNumerically(">", 0), "requests lost; with none, the spec above would prove nothing")
	}, SpecTimeout(framework.SpecPatience))

	DescribeTable("by kind of client", Label("draining"), func(ctx SpecContext, grace int32, o framework.TrafficOptions) {
		o.Requests, o.PerSecond = loadRequests, loadRate
		rolloutUnderLoad(ctx, grace, o)
	},
		Entry("by Service, a connection for each request", int32(0), framework.TrafficOptions{ByService: true, FreshConnections: true}),
		Entry("by Service, a connection for each request, drained", int32(drainSeconds), framework.TrafficOptions{ByService: true, FreshConnections: true}),
		Entry("by Service, kept connections", int32(0), framework.TrafficOptions{ByService: true}),
		Entry("by Service, kept connections, drained", int32(drainSeconds), framework.TrafficOptions{ByService: true}),
		Entry("by EndpointSlices, a connection for each request", int32(0), framework.TrafficOptions{FreshConnections: true}),
		Entry("by EndpointSlices, a connection for each request, drained", int32(drainSeconds), framework.TrafficOptions{FreshConnections: true}),
		Entry("by EndpointSlices, kept connections", int32(0), framework.TrafficOptions{}),
		Entry("by EndpointSlices, drained for 1 s", int32(1), framework.TrafficOptions{}),
		Entry("by EndpointSlices, drained for 2 s", int32(2), framework.TrafficOptions{}),
	)
})

// rolloutUnderLoad gives a proxy another image while a client sends requests through it, at least so many as the options
// say, and says what became of them.
func rolloutUnderLoad(ctx context.Context, grace int32, o framework.TrafficOptions) *framework.TrafficReport {
	GinkgoHelper()
	namespace := newNamespace(ctx, nil)
	Expect(cluster.AllowEndpointSlices(ctx, namespace)).To(Succeed())
	set := framework.ProxySet(namespace, namespace, "app")
	set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromInt32(loadDown))
	set.Spec.UpdateStrategy.GracePeriodSeconds = grace
	createSet(ctx, set)
	awaitInjection(ctx, namespace, set.Name)
	Expect(cluster.Client.Create(ctx, framework.ProxyService(namespace, "app"))).To(Succeed())
	before := runWorkload(ctx, framework.Deployment(namespace, "app", loadPods))

	atLeast := o.Requests
	o.Requests = 100_000 // it sends until it is stopped
	client, err := cluster.StartTraffic(ctx, namespace, "client", "app", o)
	Expect(err).NotTo(HaveOccurred())
	awaitRequests(ctx, client, o.PerSecond)
	began := time.Now()
	changeSet(ctx, set.Name, setImage(framework.SidecarImageV2))
	awaitCondition(ctx, set.Name, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
	took := time.Since(began)
	awaitRequests(ctx, client, max(atLeast, sent(ctx, client)+o.PerSecond))
	report, err := client.Stop(ctx)
	Expect(err).NotTo(HaveOccurred())

	after, err := cluster.ReadyPods(ctx, namespace, map[string]string{framework.AppLabel: "app"}, loadPods)
	Expect(err).NotTo(HaveOccurred())
	expectInPlace(before, after, framework.SidecarImageV2)
	figure(fmt.Sprintf("%d Pods, %d at a time, gracePeriodSeconds %d", loadPods, loadDown, grace),
		"%d of %d requests lost at %d a second, the rollout took %.1f s", report.Lost, report.Sent, o.PerSecond, took.Seconds())
	for i := range min(3, len(report.Losses)) {
		figure("lost", "%+v", report.Losses[i])
	}
	return report
}

// sent is how many requests a client has sent.
func sent(ctx context.Context, client *framework.Traffic) int {
	GinkgoHelper()
	report, err := client.Report(ctx)
	Expect(err).NotTo(HaveOccurred())
	return report.Sent
}

// awaitRequests waits until a client has sent so many.
func awaitRequests(ctx context.Context, client *framework.Traffic, count int) {
	GinkgoHelper()
	Eventually(ctx, func() (int, error) {
		report, err := client.Report(ctx)
		if err != nil {
			return 0, err
		}
		return report.Sent, nil
	}).WithPolling(time.Second).Should(BeNumerically(">=", count))
}
