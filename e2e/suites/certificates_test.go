// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// creationRate is how many Pods are created in a second while certificates are replaced, and slowCreationRate while
	// programs are too.
	creationRate     = 20
	slowCreationRate = 5
	// loadBefore and loadAfter are how long Pods are created before and after the replacement.
	loadBefore = 5 * time.Second
	loadAfter  = 15 * time.Second
)

var _ = Describe("The serving certificate", func() {
	DescribeTable("is replaced while Pods are created, and no Pod fails or misses its sidecar", func(ctx SpecContext, forgotten ...string) {
		namespace := newNamespace(ctx, nil)
		set := createSet(ctx, framework.SidecarSet(namespace, namespace, "app"))
		awaitInjection(ctx, namespace, set.Name)
		expectNoRestart := watchPrograms(ctx)
		before := servedByAll(ctx)

		creations := underLoad(ctx, namespace, creationRate, nil, func(ctx context.Context) {
			forget(ctx, forgotten...)
			Eventually(ctx, func(g Gomega) {
				stored, err := cluster.StoredCertificate(ctx)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(stored.Equal(before)).To(BeFalse(), "a new certificate is in the Secret")
			}).Should(Succeed())
		})

		after := servedByAll(ctx)
		Expect(after.Equal(before)).To(BeFalse(), "every replica serves a new certificate")
		stored, err := cluster.StoredCertificate(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(after.Equal(stored)).To(BeTrue(), "and it is the one in the Secret")
		figure("certificate", "before: %s\nafter:  %s", describe(before), describe(after))
		expectAllInjected(creations, set.Name)
		expectNoRestart(ctx)
		figure("Pods created meanwhile", "%d at %d a second; median %s, slowest %s", len(creations), creationRate,
			framework.Median(creations).Round(time.Millisecond), framework.Slowest(creations).Round(time.Millisecond))
	},
		Entry("by one of the same CA", corev1.TLSCertKey, corev1.TLSPrivateKeyKey, SpecTimeout(framework.SpecPatience)),
		Entry("by one of a new CA", corev1.TLSCertKey, corev1.TLSPrivateKeyKey, "ca.crt", "ca.key", SpecTimeout(framework.SpecPatience)),
	)
})

// loadedPods counts the Pods that loads created, to name them.
var loadedPods atomic.Int64

// loadedPod is one more Pod of a load.
func loadedPod(namespace string) *corev1.Pod {
	return framework.UnscheduledPod(namespace, fmt.Sprintf("pod-%d", loadedPods.Add(1)), "app")
}

// underLoad creates so many Pods a second from loadBefore before the action until loadAfter after it. A Pod is tried
// again for as long as the function says so of the error, if there is one; each attempt is returned.
func underLoad(ctx context.Context, namespace string, rate int, again func(error) bool, action func(context.Context)) []framework.Creation {
	GinkgoHelper()
	return underLoads(ctx, []string{namespace}, rate, again, action)[namespace]
}

// underLoads is underLoad in several namespaces, at the rate in each.
func underLoads(
	ctx context.Context, namespaces []string, rate int, again func(error) bool, action func(context.Context),
) map[string][]framework.Creation {
	GinkgoHelper()
	loading, stop := context.WithCancel(ctx)
	defer stop()
	creations := make([][]framework.Creation, len(namespaces))
	var load sync.WaitGroup
	for i, namespace := range namespaces {
		load.Go(func() {
			creations[i] = cluster.CreatePods(loading, rate, func(int) *corev1.Pod { return loadedPod(namespace) }, again)
		})
	}
	pass(ctx, loadBefore)
	action(ctx)
	pass(ctx, loadAfter)
	stop()
	load.Wait()
	out := map[string][]framework.Creation{}
	for i, namespace := range namespaces {
		out[namespace] = creations[i]
	}
	return out
}

// pass lets time pass, for a load to run.
func pass(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// expectAllInjected holds that every creation succeeded and gave a Pod with the sidecar.
func expectAllInjected(creations []framework.Creation, set string) {
	GinkgoHelper()
	Expect(creations).NotTo(BeEmpty())
	var failed, missed []string
	for _, creation := range creations {
		what := fmt.Sprintf("%s, at %s, in %s", creation.Pod.Name, creation.Began.Format(time.TimeOnly), creation.Took.Round(time.Millisecond))
		switch {
		case creation.Err != nil:
			failed = append(failed, fmt.Sprintf("%s: %v", what, creation.Err))
		case !framework.IsInjected(creation.Pod, set):
			missed = append(missed, what)
		}
	}
	Expect(failed).To(BeEmpty(), "creations that failed, of %d", len(creations))
	Expect(missed).To(BeEmpty(), "Pods without their sidecar, of %d", len(creations))
}

// forget takes keys out of the Secret of the certificates.
func forget(ctx context.Context, keys ...string) {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(cluster.Client.Get(ctx, cluster.CertificateSecret(), secret)).To(Succeed())
	before := secret.DeepCopy()
	for _, key := range keys {
		delete(secret.Data, key)
	}
	Expect(cluster.Client.Patch(ctx, secret, client.MergeFrom(before))).To(Succeed())
}

// servedByAll returns the certificate that every webhook Pod serves, once it is the same one.
func servedByAll(ctx context.Context) *x509.Certificate {
	GinkgoHelper()
	var served *x509.Certificate
	Eventually(ctx, func(g Gomega) {
		pods, err := cluster.ReadyReleasePods(ctx, "webhook", replicas)
		g.Expect(err).NotTo(HaveOccurred())
		served = nil
		for i := range pods {
			certificate, err := cluster.ServedCertificate(ctx, pods[i].Name)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(served == nil || served.Equal(certificate)).To(BeTrue(), "all replicas serve the same certificate")
			served = certificate
		}
	}).Should(Succeed())
	return served
}

// describe tells certificates apart. Their serial numbers are all the same, as their maker has it.
func describe(certificate *x509.Certificate) string {
	return fmt.Sprintf("valid from %s, SHA-256 %x", certificate.NotBefore.Format(time.RFC3339), sha256.Sum256(certificate.Raw))
}
