// SPDX-License-Identifier: Apache-2.0

package walk

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

// slowest is how long a Pod waits for the operator to have written about it. Not everything that happens to a Pod makes
// it write, and it writes once in a second.
const slowest = 1200 * time.Millisecond

// node plays the scheduler and the kubelet for the Pods of a namespace, one step of one Pod at a time. Before a Pod
// becomes ready, ceases to be, or goes, the operator is given the time to write about what was before, so that no state
// passes without a version that tells of it.
func node(namespace string, object client.Object) {
	GinkgoHelper()
	ctx, stop := context.WithCancel(context.Background()) // it outlives the step that starts it
	ended := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(ended)
		since := map[string]time.Time{}
		for ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond)
			pods := &corev1.PodList{}
			if err := k8s.List(ctx, pods, client.InNamespace(namespace)); err != nil {
				Expect(ctx.Err()).To(HaveOccurred(), "list Pods: %v", err)
				return
			}
			written := latest(ctx, object)
			for i := range pods.Items {
				pod := &pods.Items[i]
				if _, seen := since[pod.ResourceVersion]; !seen {
					since[pod.ResourceVersion] = time.Now()
				}
				if told := versionOf(pod) < written || time.Since(since[pod.ResourceVersion]) > slowest; !told && !starts(pod) {
					continue
				}
				if step(ctx, pod) {
					break
				}
			}
		}
	}()
	DeferCleanup(func() {
		stop()
		<-ended
	})
}

// latest is the newest version of an object.
func latest(ctx context.Context, object client.Object) int {
	fresh := object.DeepCopyObject().(client.Object)
	if err := k8s.Get(ctx, client.ObjectKeyFromObject(object), fresh); err != nil {
		return 0
	}
	return versionOf(fresh)
}

// step takes a Pod one step further and reports whether there was one to take.
func step(ctx context.Context, pod *corev1.Pod) bool {
	var err error
	switch {
	case pod.DeletionTimestamp != nil:
		err = k8s.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
	case pod.Spec.NodeName == "":
		err = k8s.SubResource("binding").Create(ctx, pod, &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"}})
	case !runs(pod) && serves(pod):
		report(pod, false)
		err = k8s.Status().Update(ctx, pod)
	case !runs(pod):
		build.RunContainers(pod)
		report(pod, false)
		err = k8s.Status().Update(ctx, pod)
	case !serves(pod) || is(pod, corev1.PodReady) != apiserver.GatesOpen(pod):
		report(pod, true)
		err = k8s.Status().Update(ctx, pod)
	default:
		return false
	}
	if err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		Fail("the kubelet of Pod " + pod.Name + ": " + err.Error())
	}
	return true
}

// report says of a Pod's containers whether they are ready. The Pod is when they are and its readiness gates are open.
func report(pod *corev1.Pod, ready bool) {
	for i := range pod.Status.ContainerStatuses {
		pod.Status.ContainerStatuses[i].Ready = ready
	}
	build.SetReady(pod, ready && apiserver.GatesOpen(pod), time.Now())
}

// serves reports whether all containers are ready.
func serves(pod *corev1.Pod) bool {
	for i := range pod.Status.ContainerStatuses {
		if !pod.Status.ContainerStatuses[i].Ready {
			return false
		}
	}
	return len(pod.Status.ContainerStatuses) > 0
}

// starts reports whether a Pod is on its way to its first container, which nobody writes about.
func starts(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && !serves(pod) && (pod.Spec.NodeName == "" || !runs(pod))
}

// runs reports whether a Pod's containers are those of its spec.
func runs(pod *corev1.Pod) bool {
	if pod.Status.ObservedGeneration != pod.Generation {
		return false
	}
	images := map[string]string{}
	for i := range pod.Status.ContainerStatuses {
		images[pod.Status.ContainerStatuses[i].Name] = pod.Status.ContainerStatuses[i].Image
	}
	for i := range pod.Spec.Containers {
		if images[pod.Spec.Containers[i].Name] != pod.Spec.Containers[i].Image {
			return false
		}
	}
	return true
}

func is(pod *corev1.Pod, kind corev1.PodConditionType) bool {
	return pods.IsTrue(pods.Condition(pod, kind))
}
