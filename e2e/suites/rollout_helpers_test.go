// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// missingImage is a tag that no registry has.
const missingImage = "ghcr.io/windlass-operator/testsidecar:missing"

// unasked has nothing pulled ahead, so that a bad image reaches Pods, as with OpenKruise.
func unasked(set *v1beta1.SidecarSet) {
	set.Spec.UpdateStrategy.ImagePreDownload = &v1beta1.SidecarSetImagePreDownload{Policy: v1beta1.ImagePreDownloadOff}
}

// rollout is a SidecarSet injected into the Pods of one Deployment, all of them ready, for a spec to change.
type rollout struct {
	namespace  string
	set        string
	deployment *appsv1.Deployment
	// before are the Pods as they were at the start.
	before []corev1.Pod
}

// startRollout runs so many Pods with the first version of the sidecar, which is slow enough to start that each of its
// restarts is seen as a Pod that is not ready. The edits change the SidecarSet before it is created.
func startRollout(ctx context.Context, count int32, edits ...func(*v1beta1.SidecarSet)) *rollout {
	GinkgoHelper()
	return startRolloutIn(ctx, newNamespace(ctx, nil), count, nil, edits...)
}

// startRolloutIn is startRollout in a namespace that is there, with Pods that are changed before, if there is a function.
func startRolloutIn(
	ctx context.Context, namespace string, count int32, changePod func(*corev1.PodSpec), edits ...func(*v1beta1.SidecarSet),
) *rollout {
	GinkgoHelper()
	r := &rollout{namespace: namespace}
	set := framework.SidecarSet(r.namespace, r.namespace, "app")
	set.Spec.Containers[0].Env = append(set.Spec.Containers[0].Env, corev1.EnvVar{Name: "APP_READY_AFTER", Value: "1s"})
	for _, edit := range edits {
		edit(set)
	}
	r.set = createSet(ctx, set).Name
	Eventually(ctx, func() (string, error) {
		pod := framework.UnscheduledPod(r.namespace, "probe", "app")
		err := cluster.Client.Create(ctx, pod, client.DryRunAll)
		return pod.Annotations[v1beta1.SidecarSetInjectedListAnnotation], err
	}).Should(Equal(r.set), "sets injected into a new Pod")
	r.deployment = framework.Deployment(r.namespace, "app", count)
	if changePod != nil {
		changePod(&r.deployment.Spec.Template.Spec)
	}
	r.before = runWorkload(ctx, r.deployment)
	awaitCounters(ctx, r.set, counters{Matched: count, Updated: count, Ready: count, UpdatedReady: count})
	return r
}

// change changes the SidecarSet.
func (r *rollout) change(ctx context.Context, change func(*v1beta1.SidecarSet)) {
	GinkgoHelper()
	changeSet(ctx, r.set, change)
}

// awaitReady waits until the SidecarSet is Ready for the reason, and returns the Pods, which are ready too.
func (r *rollout) awaitReady(ctx context.Context, reason string) []corev1.Pod {
	GinkgoHelper()
	awaitCondition(ctx, r.set, v1beta1.ConditionReady, metav1.ConditionTrue, reason)
	return awaitPods(ctx, r.deployment)
}

// pods are the Pods as they are now, ready or not.
func (r *rollout) pods(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	pods, err := cluster.Pods(ctx, r.namespace, r.deployment.Spec.Selector.MatchLabels)
	Expect(err).NotTo(HaveOccurred())
	return pods
}

// label puts a label on one of the Pods.
func (r *rollout) label(ctx context.Context, pod *corev1.Pod, key, value string) {
	GinkgoHelper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, key, value)
	target := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	Expect(cluster.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
}

// holding returns those of the Pods whose sidecar is to run the image.
func holding(pods []corev1.Pod, image string) (out []corev1.Pod) {
	for i := range pods {
		if framework.Container(&pods[i], framework.SidecarContainer).Image == image {
			out = append(out, pods[i])
		}
	}
	return out
}

// sameAs returns those of the Pods that have the names of the others.
func sameAs(pods, others []corev1.Pod) (out []corev1.Pod) {
	names := map[string]bool{}
	for i := range others {
		names[others[i].Name] = true
	}
	for i := range pods {
		if names[pods[i].Name] {
			out = append(out, pods[i])
		}
	}
	return out
}

// podCondition is a condition of a Pod, zero when there is none.
func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return pod.Status.Conditions[i]
		}
	}
	return corev1.PodCondition{}
}

// watchPods shows every change of the Deployment's Pods to a function, in order, with all of the Pods as they are then.
// It returns how to end that; the function is not called any more afterwards. A watch that breaks off fails the spec,
// since changes may have gone unseen.
func (r *rollout) watchPods(ctx context.Context, see func(changed *corev1.Pod, all map[types.UID]*corev1.Pod)) (stop func()) {
	GinkgoHelper()
	list := &corev1.PodList{}
	options := &client.ListOptions{}
	options.ApplyOptions([]client.ListOption{client.InNamespace(r.namespace), client.MatchingLabels(r.deployment.Spec.Selector.MatchLabels)})
	Expect(cluster.Client.List(ctx, list, options)).To(Succeed())
	all := map[types.UID]*corev1.Pod{}
	for i := range list.Items {
		all[list.Items[i].UID] = &list.Items[i]
	}
	options.Raw = options.AsListOptions()
	options.Raw.ResourceVersion = list.ResourceVersion
	watching, err := cluster.Client.Watch(ctx, &corev1.PodList{}, options)
	Expect(err).NotTo(HaveOccurred())
	stopping, ended := make(chan struct{}), make(chan bool)
	go func() { ended <- follow(watching, stopping, all, see) }()
	return func() {
		GinkgoHelper()
		close(stopping)
		Expect(<-ended).To(BeTrue(), "the watch on Pods lasted to the end")
	}
}

// follow feeds a watch to a function until it is stopped. It returns false when the watch ended before.
func follow(watching watch.Interface, stopping <-chan struct{}, all map[types.UID]*corev1.Pod, see func(*corev1.Pod, map[types.UID]*corev1.Pod)) bool {
	defer watching.Stop()
	for {
		select {
		case <-stopping:
			return true
		case event, open := <-watching.ResultChan():
			pod, isPod := event.Object.(*corev1.Pod)
			if !open || !isPod {
				return false
			}
			all[pod.UID] = pod
			if event.Type == watch.Deleted {
				delete(all, pod.UID)
			}
			see(pod, all)
		}
	}
}
