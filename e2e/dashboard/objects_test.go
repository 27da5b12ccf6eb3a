// SPDX-License-Identifier: Apache-2.0

package dashboard_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podtemplate"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

// namespace makes one for a spec.
func namespace(ctx context.Context) string {
	GinkgoHelper()
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "shop-"}}
	Expect(k8s.Create(ctx, made)).To(Succeed())
	return made.Name
}

// zones are those of the nodes, which are called after them.
var zones = []string{"eu-1a", "eu-1b", "eu-1c"}

func addNodes(ctx context.Context) {
	GinkgoHelper()
	for _, zone := range zones {
		apiserver.AddNode(ctx, k8s, "node-"+zone, func(node *corev1.Node) {
			node.Labels = map[string]string{corev1.LabelTopologyZone: zone, corev1.LabelHostname: node.Name}
		})
	}
}

// statefulSet makes one that has gone half of its way, with its history and its Pods.
func statefulSet(ctx context.Context, namespace, name string, replicas int) *v1beta1.StatefulSet {
	GinkgoHelper()
	set := build.MakeStatefulSet(name).Replicas(int32(replicas)).Image("registry.example/app:1").Obj()
	set.Spec.Selector.MatchLabels = map[string]string{"app": name}
	set.Spec.Template.Labels = map[string]string{"app": name}
	set.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: name}
	Expect(k8s.Create(ctx, set)).To(Succeed())
	before := set.DeepCopy()
	before.Spec.Template.Spec.Containers[0].Image = "registry.example/app:0"
	record(ctx, before, 1)
	record(ctx, set, 2)
	createPods(ctx, set, replicas)
	report(ctx, set, fmt.Sprintf("Rolling %d/%d", replicas/2, replicas))
	return set
}

func record(ctx context.Context, set *v1beta1.StatefulSet, number int64) {
	GinkgoHelper()
	data, err := podtemplate.Encode(&set.Spec.Template)
	Expect(err).NotTo(HaveOccurred())
	Expect(k8s.Create(ctx, &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: set.Namespace, Name: fmt.Sprintf("%s-%d", set.Name, number),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, v1beta1.GroupVersion.WithKind("StatefulSet"))},
		},
		Revision: number, Data: runtime.RawExtension{Raw: data},
	})).To(Succeed())
}

// report writes what the operator would.
func report(ctx context.Context, set *v1beta1.StatefulSet, summary string) {
	GinkgoHelper()
	now := metav1.Now()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(set), set)).To(Succeed())
	set.Status = v1beta1.StatefulSetStatus{
		ObservedGeneration: set.Generation, Replicas: *set.Spec.Replicas, UpdateRevision: set.Name + "-2", CurrentRevision: set.Name + "-1",
		Summary: summary, SummarySince: &now,
		Conditions: []metav1.Condition{
			{Type: v1beta1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1beta1.ReasonPodsUpdating, Message: "Half of the Pods are through.", LastTransitionTime: now},
			{Type: v1beta1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: v1beta1.ReasonPodsUpdating, LastTransitionTime: now},
		},
	}
	if summary == "Complete" {
		set.Status.Conditions = []metav1.Condition{
			{Type: v1beta1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1beta1.ReasonComplete, Message: "All Pods are available.", LastTransitionTime: now},
		}
	}
	Expect(k8s.Status().Update(ctx, set)).To(Succeed())
}

// createPods makes the Pods of a set: the first half at the new revision, all of them ready.
func createPods(ctx context.Context, set *v1beta1.StatefulSet, count int) {
	GinkgoHelper()
	const atOnce = 8
	var wait sync.WaitGroup
	for worker := range atOnce {
		wait.Go(func() {
			defer GinkgoRecover()
			for i := worker; i < count; i += atOnce {
				pod := build.MakePod(fmt.Sprintf("%s-%d", set.Name, i)).Namespace(set.Namespace).Label("app", set.Name).Obj()
				pod.Spec.Containers[0].Image = "registry.example/app:1"
				pod.ObjectMeta = metav1.ObjectMeta{
					Namespace: set.Namespace, Name: pod.Name, Labels: pod.Labels,
					OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, v1beta1.GroupVersion.WithKind("StatefulSet"))},
				}
				pod.Spec.NodeName, pod.Spec.AutomountServiceAccountToken = "node-"+zones[i%len(zones)], ptr.To(false)
				revision := "-1"
				if i < count/2 {
					revision = "-2"
				}
				pod.Labels[appsv1.ControllerRevisionHashLabelKey] = set.Name + revision
				Expect(k8s.Create(ctx, pod)).To(Succeed())
				build.RunContainers(pod)
				pod.Status.Phase = corev1.PodRunning
				build.SetReady(pod, true, time.Now())
				Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
			}
		})
	}
	wait.Wait()
}

// breakPod has a Pod's image not come.
func breakPod(ctx context.Context, namespace, name string) {
	GinkgoHelper()
	pod := &corev1.Pod{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, pod)).To(Succeed())
	pod.Status.ContainerStatuses[0].Ready = false
	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "rpc error: not found"},
	}
	build.SetReady(pod, false, time.Now())
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}

// sidecarSet makes one that is meant for the Pods of web, and is in none of them.
func sidecarSet(ctx context.Context, namespace string) string {
	GinkgoHelper()
	set := build.MakeSidecarSet("mesh-"+namespace).Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}).
		Container("proxy", "registry.example/proxy:1").Obj()
	set.ObjectMeta = metav1.ObjectMeta{Name: set.Name}
	set.Spec.Namespace = namespace
	Expect(k8s.Create(ctx, set)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, set)).To(Succeed()) })
	return set.Name
}

// schedPatch makes one that would keep the Pods of web in one zone.
func schedPatch(ctx context.Context, namespace string) string {
	GinkgoHelper()
	patch := build.MakeSchedPatch("near").Target("apps.kruise.io/v1beta1", "StatefulSet", "web").NodeSelector(corev1.LabelTopologyZone, zones[0]).Preview().Obj()
	patch.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: patch.Name}
	Expect(k8s.Create(ctx, patch)).To(Succeed())
	return patch.Name
}
