// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

const newImage = "app:2"

// ledger follows the Pods of a settled set: how many new ones came, and how many were out of service at once at most.
type ledger struct {
	mu           sync.Mutex
	serves       map[string]bool
	came, outage int
}

// follow opens a ledger, which the end of the test closes.
func (f *fixture) follow(ctx context.Context) *ledger {
	GinkgoHelper()
	l := &ledger{serves: map[string]bool{}}
	list := &corev1.PodList{}
	Expect(k8s.List(ctx, list, client.InNamespace(f.namespace))).To(Succeed())
	for i := range list.Items {
		l.serves[list.Items[i].Name] = isReady(&list.Items[i])
	}
	life, stop := context.WithCancel(context.Background())
	watching, err := k8s.Watch(life, &corev1.PodList{}, client.InNamespace(f.namespace), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	Expect(err).NotTo(HaveOccurred())
	var done sync.WaitGroup
	done.Go(func() {
		for event := range watching.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok {
				l.note(pod, event.Type == "ADDED", event.Type == "DELETED")
			}
		}
	})
	DeferCleanup(func() {
		stop()
		watching.Stop()
		done.Wait()
	})
	return l
}

func (l *ledger) note(pod *corev1.Pod, came, went bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if came {
		l.came++
	}
	l.serves[pod.Name] = !went && pod.DeletionTimestamp == nil && isReady(pod)
	out := 0
	for _, serves := range l.serves {
		if !serves {
			out++
		}
	}
	l.outage = max(l.outage, out)
}

// totals are how many Pods came, and how many were out of service at most.
func (l *ledger) totals() (came, outage int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.came, l.outage
}

// updated counts the Pods that run the new image.
func (f *fixture) updated(ctx context.Context) func() int {
	return func() (n int) {
		for _, pod := range f.pods(ctx) {
			if pod.Spec.Containers[0].Image == newImage {
				n++
			}
		}
		return n
	}
}

func sixParallel(policy v1beta1.PodUpdatePolicyType) func(*build.StatefulSetBuilder) {
	return func(b *build.StatefulSetBuilder) { b.Parallel().Replicas(6).MaxUnavailable("2").Policy(policy) }
}

var _ = DescribeTable("A rollout through four restarts of the operator", func(ctx SpecContext, policy v1beta1.PodUpdatePolicyType, newPods, restarts int) {
	f := settled(ctx, sixParallel(policy))
	ledger := f.follow(ctx)
	f.image(ctx, newImage)
	for done := 1; done <= 4; done++ {
		Eventually(f.updated(ctx)).Should(BeNumerically(">=", done))
		startOperator(ctx, nil)
	}
	f.expectReady(ctx)
	Expect(f.updated(ctx)()).To(Equal(6))
	for _, pod := range f.pods(ctx) {
		Expect(pod.Status.ContainerStatuses[0].RestartCount).To(BeEquivalentTo(restarts), pod.Name)
	}
	Eventually(func() int { came, _ := ledger.totals(); return came }).Should(Equal(newPods))
	_, outage := ledger.totals()
	Expect(outage).To(BeNumerically("<=", 2), "Pods out of service at once")
},
	Entry("changes every Pod in place once, within maxUnavailable", v1beta1.InPlaceIfPossiblePodUpdatePolicy, 0, 1),
	Entry("replaces every Pod once, within maxUnavailable", v1beta1.ReCreatePodUpdatePolicy, 6, 0),
)

var _ = Describe("A rollout while others write to the Pods", func() {
	It("is carried through, and takes nothing away from them", func(ctx SpecContext) {
		f := settled(ctx, sixParallel(v1beta1.InPlaceIfPossiblePodUpdatePolicy))
		life, stop := context.WithCancel(ctx)
		var done sync.WaitGroup
		last := map[string]string{}
		done.Go(func() {
			defer GinkgoRecover()
			for beat := 0; life.Err() == nil; beat++ {
				name, text := fmt.Sprintf("web-%d", beat%6), fmt.Sprint(beat)
				f.merge(ctx, name, `{"metadata":{"annotations":{"example.com/beat":"`+text+`"},"labels":{"beat":"`+text+`"}}}`)
				last[name] = text
			}
		})
		f.image(ctx, newImage)
		Eventually(f.updated(ctx)).Should(Equal(6))
		f.expectReady(ctx)
		stop()
		done.Wait()
		for _, pod := range f.pods(ctx) {
			Expect(pod.Annotations).To(HaveKeyWithValue("example.com/beat", last[pod.Name]), pod.Name)
			Expect(pod.Labels).To(HaveKeyWithValue("beat", last[pod.Name]), pod.Name)
			Expect(pod.Status.ContainerStatuses[0].RestartCount).To(BeEquivalentTo(1), pod.Name)
		}
	})
})

var _ = Describe("An operator that hears of Pods late", func() {
	It("makes every Pod once, when it scales and when it replaces", func(ctx SpecContext) {
		late := slowWatch("pods", 300*time.Millisecond)
		startOperator(ctx, late.between)
		DeferCleanup(stopOperator)
		f := settled(ctx, func(b *build.StatefulSetBuilder) { b.Parallel().MaxUnavailable("2") })
		f.scale(ctx, 6)
		f.expectReady(ctx)
		Expect(late.created()).To(Equal(map[string]int{"Created": 6}))

		ledger := f.follow(ctx)
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(f.set), f.set)).To(Succeed())
		f.image(ctx, newImage)
		f.expectReady(ctx)
		Expect(f.updated(ctx)()).To(Equal(6))
		Expect(late.created()).To(Equal(map[string]int{"Created": 12}))
		_, outage := ledger.totals()
		Expect(outage).To(BeNumerically("<=", 2), "Pods out of service at once")
	})
})

var _ = Describe("An operator that hears late of an orphaning deletion", func() {
	It("does not adopt what was just let go", func(ctx SpecContext) {
		startOperator(ctx, slowWatch("statefulsets", time.Second).between)
		DeferCleanup(stopOperator)
		f := settled(ctx, nil)
		Expect(k8s.Delete(ctx, f.set, client.PropagationPolicy("Orphan"))).To(Succeed())
		f.collect(ctx)
		Consistently(f.ownerless(ctx)).WithTimeout(2 * time.Second).Should(HaveLen(3))
	})
})
