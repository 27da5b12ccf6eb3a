// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// poolLabel is that of the simulated nodes of a namespace.
	poolLabel = "pool"
	// simulatedTaint keeps Pods away from simulated nodes that do not ask for them.
	simulatedTaint = "kwok.x-k8s.io/node"
	// probes is how many Pods must be patched before every replica of the webhook counts as knowing a patch.
	probes = 20
)

// simulatedNodes makes nodes for the Pods of one namespace, labelled with its name. They go when the spec ends.
func simulatedNodes(ctx context.Context, namespace string, count int) {
	GinkgoHelper()
	room := corev1.ResourceList{}
	for name, quantity := range map[corev1.ResourceName]string{corev1.ResourceCPU: "64", corev1.ResourceMemory: "256Gi", corev1.ResourcePods: "120"} {
		room[name] = resource.MustParse(quantity)
	}
	for n := range count {
		name := fmt.Sprintf("%s-%d", namespace, n)
		node := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Annotations: map[string]string{simulatedTaint: "fake"},
				Labels: map[string]string{poolLabel: namespace, corev1.LabelHostname: name, corev1.LabelOSStable: "linux"},
			},
			Spec:   corev1.NodeSpec{Taints: []corev1.Taint{{Key: simulatedTaint, Value: "fake", Effect: corev1.TaintEffectNoSchedule}}},
			Status: corev1.NodeStatus{Capacity: room, Allocatable: room},
		}
		Expect(cluster.Client.Create(ctx, node)).To(Succeed())
	}
	DeferCleanup(func(ctx SpecContext) {
		Expect(cluster.Client.DeleteAllOf(ctx, &corev1.Node{}, client.MatchingLabels{poolLabel: namespace})).To(Succeed())
	})
	Eventually(ctx, func(g Gomega) {
		nodes := &corev1.NodeList{}
		g.Expect(cluster.Client.List(ctx, nodes, client.MatchingLabels{poolLabel: namespace})).To(Succeed())
		for i := range nodes.Items {
			g.Expect(nodes.Items[i].Spec.Taints).To(HaveLen(1), "node %s is not ready", nodes.Items[i].Name)
		}
	}).Should(Succeed())
}

// patchFor makes a SchedPatch, p, of a workload, that sends Pods to the simulated nodes of its namespace. It is not
// created yet.
func patchFor(namespace, apiVersion, kind, name string, edits ...func(*v1alpha1.SchedPatchSpec)) *v1alpha1.SchedPatch {
	patch := &v1alpha1.SchedPatch{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p"},
		Spec: v1alpha1.SchedPatchSpec{
			TargetRef:   v1alpha1.TargetReference{APIVersion: apiVersion, Kind: kind, Name: name},
			Affinity:    requiring(poolLabel, namespace),
			Tolerations: []corev1.Toleration{{Key: simulatedTaint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}},
		},
	}
	for _, edit := range edits {
		edit(&patch.Spec)
	}
	return patch
}

// selecting makes a patch demand a label of the node, and nothing else.
func selecting(key, value string) func(*v1alpha1.SchedPatchSpec) {
	return func(spec *v1alpha1.SchedPatchSpec) {
		spec.Affinity, spec.Tolerations, spec.NodeSelector = nil, nil, map[string]string{key: value}
	}
}

func requiring(key string, values ...string) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
			{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}}}},
	}}}
}

// createPatch creates a SchedPatch and waits until operator and webhooks know it. An inactive one is not waited for in
// the webhooks.
func createPatch(ctx context.Context, patch *v1alpha1.SchedPatch) *v1alpha1.SchedPatch {
	GinkgoHelper()
	Expect(cluster.Client.Create(ctx, patch)).To(Succeed())
	awaitPatchSeen(ctx, patch)
	if patch.Spec.Mode != v1alpha1.SchedPatchPreview {
		awaitPatching(ctx, patch)
	}
	return patch
}

func awaitPatchSeen(ctx context.Context, patch *v1alpha1.SchedPatch) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(patch), patch)).To(Succeed())
		g.Expect(patch.Status.ObservedGeneration).To(Equal(patch.Generation), "generation that the operator has seen")
	}).Should(Succeed())
}

// awaitPatching waits until every new Pod of the target would get the patch: each replica of the webhook learns of it
// through a watch.
func awaitPatching(ctx context.Context, patch *v1alpha1.SchedPatch) {
	GinkgoHelper()
	Eventually(ctx, func() error {
		for range probes {
			pod, err := tryPod(ctx, patch, nil)
			if err != nil {
				return err
			}
			if !carries(pod, patch.Name) {
				return fmt.Errorf("a new Pod of %s %s is not patched by %s", patch.Spec.TargetRef.Kind, patch.Spec.TargetRef.Name, patch.Name)
			}
		}
		return nil
	}).Should(Succeed())
}

// podOf makes a Pod as a patch's target would, but that no scheduler takes up. It is not created yet.
func podOf(patch *v1alpha1.SchedPatch, name string) *corev1.Pod {
	target := &patch.Spec.TargetRef
	pod := framework.UnscheduledPod(patch.Namespace, name, target.Name)
	pod.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: target.APIVersion, Kind: target.Kind, Name: target.Name, UID: "of-a-probe", Controller: ptr.To(true),
	}}
	return pod
}

// tryPod asks what would become of a Pod of the target, without making it.
func tryPod(ctx context.Context, patch *v1alpha1.SchedPatch, edit func(*corev1.Pod)) (*corev1.Pod, error) {
	pod := podOf(patch, "probe")
	if edit != nil {
		edit(pod)
	}
	err := cluster.Client.Create(ctx, pod, client.DryRunAll)
	return pod, err
}

// carries reports whether a Pod says that it carries a patch.
func carries(pod *corev1.Pod, patch string) bool {
	for entry := range strings.SplitSeq(pod.Annotations[v1beta1.SchedPatchesAnnotation], ",") {
		if strings.HasPrefix(entry, patch+"@") && pod.Labels[v1beta1.SchedPatchLabelPrefix+patch] != "" {
			return true
		}
	}
	return false
}

// patchReport is a SchedPatch's status in short.
type patchReport struct {
	Matched, Patched, Skipped int32
	Ready                     string
}

// seePatch reads the status in short, of the latest generation.
func seePatch(ctx context.Context, patch *v1alpha1.SchedPatch) (patchReport, error) {
	if err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(patch), patch); err != nil {
		return patchReport{}, err
	}
	status := &patch.Status
	ready := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady)
	if status.ObservedGeneration != patch.Generation || ready == nil {
		return patchReport{}, errors.New("the operator has not seen the last change")
	}
	return patchReport{status.MatchedPods, status.PatchedPods, status.SkippedPods, string(ready.Status) + " " + ready.Reason}, nil
}

// awaitPatchReport waits until the operator reports this.
func awaitPatchReport(ctx context.Context, patch *v1alpha1.SchedPatch, want patchReport) {
	GinkgoHelper()
	Eventually(ctx, func() (patchReport, error) { return seePatch(ctx, patch) }).Should(Equal(want))
}

// patchMessage is what the patch's Ready condition says.
func patchMessage(patch *v1alpha1.SchedPatch) string {
	if ready := meta.FindStatusCondition(patch.Status.Conditions, v1beta1.ConditionReady); ready != nil {
		return ready.Message
	}
	return ""
}

// changePatch changes the spec of a SchedPatch, and waits until the operator has seen it.
func changePatch(ctx context.Context, patch *v1alpha1.SchedPatch, edit func(*v1alpha1.SchedPatchSpec)) {
	GinkgoHelper()
	before := patch.DeepCopy()
	edit(&patch.Spec)
	Expect(cluster.Client.Patch(ctx, patch, client.MergeFrom(before))).To(Succeed())
	awaitPatchSeen(ctx, patch)
}

// idleDeployment is one whose Pods no scheduler takes up.
func idleDeployment(namespace string, replicas int32) *appsv1.Deployment {
	deployment := framework.Deployment(namespace, "cart", replicas)
	deployment.Spec.Template.Spec.SchedulerName = "none"
	return deployment
}

// scaleTo sets the number of replicas of a workload, in its spec alone.
func scaleTo(ctx context.Context, object client.Object, replicas int) {
	GinkgoHelper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
	Expect(cluster.Client.Patch(ctx, object, patch)).To(Succeed())
}

// awaitCount waits until there are so many Pods of a workload, and returns them.
func awaitCount(ctx context.Context, namespace, app string, count int) []corev1.Pod {
	GinkgoHelper()
	var pods []corev1.Pod
	Eventually(ctx, func() (int, error) {
		var err error
		pods, err = cluster.Pods(ctx, namespace, map[string]string{framework.AppLabel: app})
		return len(pods), err
	}).Should(Equal(count))
	return pods
}

// patchedOf names those of the Pods that carry a patch.
func patchedOf(pods []corev1.Pod, patch string) []string {
	names := []string{}
	for i := range pods {
		if carries(&pods[i], patch) {
			names = append(names, pods[i].Name)
		}
	}
	return names
}
