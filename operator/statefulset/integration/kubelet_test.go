// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

// kubelet plays the scheduler and the kubelet for one Pod: it is bound to a node, runs what its spec says, is Ready
// when its readiness gates let it, and ends when it is deleted.
func kubelet(ctx context.Context, pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil {
		return client.IgnoreNotFound(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID}))
	}
	if pod.Spec.NodeName == "" {
		binding := &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"}}
		if err := k8s.SubResource("binding").Create(ctx, pod, binding); err != nil {
			return err
		}
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return err
		}
	}
	before := pod.Status.DeepCopy()
	build.RunContainers(pod)
	if ready := apiserver.GatesOpen(pod); ready != isReady(pod) {
		build.SetReady(pod, ready, time.Now())
	}
	if equality.Semantic.DeepEqual(before, &pod.Status) {
		return nil
	}
	return k8s.Status().Update(ctx, pod)
}

func isReady(pod *corev1.Pod) bool { return pods.IsTrue(pods.Condition(pod, corev1.PodReady)) }

// node runs all Pods of a namespace until the test ends.
func (f *fixture) node() {
	GinkgoHelper()
	ctx, stop := context.WithCancel(context.Background()) // it outlives the step that starts it
	watching, err := k8s.Watch(ctx, &corev1.PodList{}, client.InNamespace(f.namespace))
	Expect(err).NotTo(HaveOccurred())
	var done sync.WaitGroup
	done.Go(func() {
		defer GinkgoRecover()
		for event := range watching.ResultChan() {
			pod, ok := event.Object.(*corev1.Pod)
			if !ok || event.Type == "DELETED" {
				continue
			}
			// Whoever was faster brings the next event.
			err := kubelet(ctx, pod)
			if err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && !apierrors.IsInvalid(err) {
				Fail("the kubelet: " + err.Error())
			}
		}
	})
	DeferCleanup(func() {
		stop()
		watching.Stop()
		done.Wait()
	})
}

// run lets the kubelet look at one Pod, as often as it takes.
func (f *fixture) run(ctx context.Context, names ...string) {
	GinkgoHelper()
	for _, name := range names {
		Eventually(func() error { return kubelet(ctx, f.pod(ctx, name)) }).Should(Succeed(), name)
	}
}

// pod reads a Pod, an empty one if there is none.
func (f *fixture) pod(ctx context.Context, name string) *corev1.Pod {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name}}
	Expect(client.IgnoreNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod))).To(Succeed())
	return pod
}
