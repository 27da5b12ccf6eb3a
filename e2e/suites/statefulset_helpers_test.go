// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// stateful is an Advanced StatefulSet in a namespace of its own, for a spec to change.
type stateful struct {
	key    client.ObjectKey
	labels map[string]string
}

// createStateful creates an Advanced StatefulSet of the test application. The edits change it before.
func createStateful(ctx context.Context, replicas int32, edits ...func(*v1beta1.StatefulSet)) *stateful {
	GinkgoHelper()
	return createStatefulIn(ctx, newNamespace(ctx, nil), replicas, edits...)
}

func createStatefulIn(ctx context.Context, namespace string, replicas int32, edits ...func(*v1beta1.StatefulSet)) *stateful {
	GinkgoHelper()
	set := framework.StatefulSet(namespace, "app", replicas)
	for _, edit := range edits {
		edit(set)
	}
	Expect(cluster.Client.Create(ctx, set)).To(Succeed())
	return knownStateful(set)
}

// knownStateful is a set that the namespace has already. When the spec fails, what the set says is written out.
func knownStateful(set *v1beta1.StatefulSet) *stateful {
	s := &stateful{key: client.ObjectKeyFromObject(set), labels: set.Spec.Selector.MatchLabels}
	DeferCleanup(func(ctx SpecContext) {
		if CurrentSpecReport().Failed() {
			cluster.DumpStatefulSets(ctx, GinkgoWriter, s.key.Namespace)
		}
	})
	return s
}

// startStateful is createStateful, and waits until all Pods serve. It returns them as well.
func startStateful(ctx context.Context, replicas int32, edits ...func(*v1beta1.StatefulSet)) (*stateful, []corev1.Pod) {
	GinkgoHelper()
	s := createStateful(ctx, replicas, edits...)
	pods := s.awaitDone(ctx)
	return s, pods
}

func (s *stateful) get(ctx context.Context) *v1beta1.StatefulSet {
	GinkgoHelper()
	set, err := cluster.GetStatefulSet(ctx, s.key)
	Expect(err).NotTo(HaveOccurred())
	return set
}

// change changes the set.
func (s *stateful) change(ctx context.Context, edits ...func(*v1beta1.StatefulSet)) {
	GinkgoHelper()
	_, err := cluster.ChangeStatefulSet(ctx, s.key, func(set *v1beta1.StatefulSet) {
		for _, edit := range edits {
			edit(set)
		}
	})
	Expect(err).NotTo(HaveOccurred())
}

// awaitCondition waits as `kubectl wait --for=condition=...` does.
func (s *stateful) awaitCondition(ctx context.Context, condition string, status metav1.ConditionStatus, reason string) {
	GinkgoHelper()
	Eventually(ctx, func() error { return cluster.StatefulSetHas(ctx, s.key, condition, status, reason) }).Should(Succeed())
}

// awaitDone waits until the set is Ready because every Pod is as it should be, and returns the Pods.
func (s *stateful) awaitDone(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	return s.awaitResting(ctx, v1beta1.ReasonComplete)
}

// awaitResting waits until the set is Ready for the reason and all Pods that it asks for are ready, and returns these.
// A Pod that was deleted a moment ago may not show in the condition yet.
func (s *stateful) awaitResting(ctx context.Context, reason string) (pods []corev1.Pod) {
	GinkgoHelper()
	Eventually(ctx, func() (err error) {
		if err := cluster.StatefulSetHas(ctx, s.key, v1beta1.ConditionReady, metav1.ConditionTrue, reason); err != nil {
			return err
		}
		pods, err = cluster.ReadyPods(ctx, s.key.Namespace, s.labels, int(*s.get(ctx).Spec.Replicas))
		return err
	}).Should(Succeed())
	return pods
}

// pods are the Pods as they are now, ready or not.
func (s *stateful) pods(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	pods, err := cluster.Pods(ctx, s.key.Namespace, s.labels)
	Expect(err).NotTo(HaveOccurred())
	return pods
}

// all are the Pods with those on their way out.
func (s *stateful) all(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	list := &corev1.PodList{}
	Expect(cluster.Client.List(ctx, list, client.InNamespace(s.key.Namespace), client.MatchingLabels(s.labels))).To(Succeed())
	return list.Items
}

// pod is the Pod of an ordinal.
func (s *stateful) pod(ctx context.Context, ordinal int) *corev1.Pod {
	GinkgoHelper()
	pod := &corev1.Pod{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: s.key.Namespace, Name: s.podName(ordinal)}, pod)).To(Succeed())
	return pod
}

// seePod returns the Pod of an ordinal for Eventually; nil when there is none.
func (s *stateful) seePod(ctx context.Context, ordinal int) func() (*corev1.Pod, error) {
	return func() (*corev1.Pod, error) {
		pod := &corev1.Pod{}
		err := cluster.Client.Get(ctx, client.ObjectKey{Namespace: s.key.Namespace, Name: s.podName(ordinal)}, pod)
		if err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		return pod, nil
	}
}

func (s *stateful) podName(ordinal int) string { return fmt.Sprintf("%s-%d", s.key.Name, ordinal) }

// podNames are those of the ordinals from 0 on.
func (s *stateful) podNames(count int) (names []string) {
	for ordinal := range count {
		names = append(names, s.podName(ordinal))
	}
	return names
}

// patchPod sends a merge patch to a Pod.
func (s *stateful) patchPod(ctx context.Context, ordinal int, patch string) {
	GinkgoHelper()
	target := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.key.Namespace, Name: s.podName(ordinal)}}
	Expect(cluster.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
}

// awaitReplaced waits until another Pod has taken the place of one.
func (s *stateful) awaitReplaced(ctx context.Context, pod *corev1.Pod) {
	GinkgoHelper()
	Eventually(ctx, s.seePod(ctx, ordinalOf(pod.Name))).Should(And(Not(BeNil()), Not(HaveField("UID", pod.UID))), "the successor of Pod %s", pod.Name)
}

// replacePod deletes a Pod, and waits for its successor.
func (s *stateful) replacePod(ctx context.Context, ordinal int) {
	GinkgoHelper()
	pod := s.pod(ctx, ordinal)
	Expect(cluster.Client.Delete(ctx, pod)).To(Succeed())
	s.awaitReplaced(ctx, pod)
}

// record follows the set's Pods. The function that it returns ends that, and returns every change; a watch that broke
// off fails the spec.
func (s *stateful) record(ctx context.Context) (history *framework.PodHistory, stop func() []framework.PodChange) {
	GinkgoHelper()
	history, err := cluster.RecordPods(ctx, s.key.Namespace, s.labels)
	Expect(err).NotTo(HaveOccurred())
	return history, func() []framework.PodChange {
		GinkgoHelper()
		changes, err := history.Stop()
		Expect(err).NotTo(HaveOccurred())
		return changes
	}
}

// revisions are the set's recorded revisions by name.
func (s *stateful) revisions(ctx context.Context) map[string]appsv1.ControllerRevision {
	GinkgoHelper()
	list := &appsv1.ControllerRevisionList{}
	Expect(cluster.Client.List(ctx, list, client.InNamespace(s.key.Namespace), client.MatchingLabels(s.labels))).To(Succeed())
	out := map[string]appsv1.ControllerRevision{}
	for i := range list.Items {
		out[list.Items[i].Name] = list.Items[i]
	}
	return out
}

// messages are what all conditions of the set say.
func (s *stateful) messages(ctx context.Context) string {
	GinkgoHelper()
	var all []string
	for _, c := range s.get(ctx).Status.Conditions {
		all = append(all, c.Type+": "+c.Message)
	}
	return strings.Join(all, "\n")
}

// events are the messages of the events about the set.
func (s *stateful) events(ctx context.Context) (out []string) {
	GinkgoHelper()
	list := &corev1.EventList{}
	Expect(cluster.Client.List(ctx, list, client.InNamespace(s.key.Namespace))).To(Succeed())
	for i := range list.Items {
		if e := &list.Items[i]; e.InvolvedObject.Kind == "StatefulSet" && e.InvolvedObject.Name == s.key.Name {
			out = append(out, e.Reason+": "+e.Message)
		}
	}
	return out
}

// ordinalOf is the number at the end of a Pod's name.
func ordinalOf(name string) int {
	GinkgoHelper()
	ordinal, err := strconv.Atoi(name[strings.LastIndex(name, "-")+1:])
	Expect(err).NotTo(HaveOccurred())
	return ordinal
}

// namesOfPods are the names of Pods, in their order.
func namesOfPods(pods []corev1.Pod) []string {
	names := make([]string, 0, len(pods))
	for i := range pods {
		names = append(names, pods[i].Name)
	}
	return names
}

// namesOfChanges are the names of changed Pods, in the order of the changes.
func namesOfChanges(changes []framework.PodChange) []string {
	names := make([]string, 0, len(changes))
	for i := range changes {
		names = append(names, changes[i].Name())
	}
	return names
}

// uids are the UIDs of Pods by name.
func uids(pods []corev1.Pod) map[string]types.UID {
	out := make(map[string]types.UID, len(pods))
	for i := range pods {
		out[pods[i].Name] = pods[i].UID
	}
	return out
}

// keys are the keys of a map, sorted.
func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
