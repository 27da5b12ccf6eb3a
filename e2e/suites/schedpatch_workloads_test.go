// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// patchable is a workload named cart with the label app=cart on its Pods.
type patchable struct {
	apiVersion, kind string
	// start creates the workload and makes it have two Pods.
	start func(ctx context.Context, namespace string)
	// grow makes it have more Pods, and returns how many, without a change of its template.
	grow func(ctx context.Context, namespace string) int
}

func (p *patchable) object(namespace string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(p.apiVersion)
	object.SetKind(p.kind)
	object.SetNamespace(namespace)
	object.SetName("cart")
	return object
}

// fingerprint is what a rollout would change: the template, and the revisions made from it.
func (p *patchable) fingerprint(ctx context.Context, namespace string) map[string]any {
	GinkgoHelper()
	object := p.object(namespace)
	Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	out := map[string]any{}
	for _, path := range [][]string{{"spec", "template"}, {"spec", "jobTemplate"}, {"status", "updateRevision"}} {
		if value, found, err := unstructured.NestedFieldCopy(object.Object, path...); err == nil && found {
			out[path[1]] = value
		}
	}
	sets := &appsv1.ReplicaSetList{}
	Expect(cluster.Client.List(ctx, sets, client.InNamespace(namespace))).To(Succeed())
	for i := range sets.Items {
		out["ReplicaSet "+sets.Items[i].Name] = sets.Items[i].Spec.Template
	}
	return out
}

// growByReplicas is for workloads that have replicas.
func growByReplicas(apiVersion, kind string) func(context.Context, string) int {
	p := patchable{apiVersion: apiVersion, kind: kind}
	return func(ctx context.Context, namespace string) int {
		scaleTo(ctx, p.object(namespace), 4)
		return 4
	}
}

var deploymentWorkload = patchable{"apps/v1", "Deployment",
	func(ctx context.Context, namespace string) {
		runWorkload(ctx, framework.Deployment(namespace, "cart", 2))
	},
	growByReplicas("apps/v1", "Deployment")}

var statefulSetWorkload = patchable{"apps/v1", "StatefulSet",
	func(ctx context.Context, namespace string) {
		like := framework.Deployment(namespace, "cart", 2)
		set := &appsv1.StatefulSet{ObjectMeta: like.ObjectMeta, Spec: appsv1.StatefulSetSpec{
			Replicas: like.Spec.Replicas, Selector: like.Spec.Selector, Template: like.Spec.Template, PodManagementPolicy: appsv1.ParallelPodManagement}}
		Expect(cluster.Client.Create(ctx, set)).To(Succeed())
		awaitPods(ctx, like)
	},
	growByReplicas("apps/v1", "StatefulSet")}

var advancedStatefulSetWorkload = patchable{"apps.kruise.io/v1beta1", "StatefulSet",
	func(ctx context.Context, namespace string) {
		Expect(cluster.Client.Create(ctx, framework.StatefulSet(namespace, "cart", 2))).To(Succeed())
		awaitPods(ctx, framework.Deployment(namespace, "cart", 2))
	},
	growByReplicas("apps.kruise.io/v1beta1", "StatefulSet")}

// jobSpec is that of a Job whose Pods run until they are deleted.
func jobSpec(namespace string, parallelism int32) batchv1.JobSpec {
	template := framework.Deployment(namespace, "cart", 0).Spec.Template
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return batchv1.JobSpec{Parallelism: &parallelism, Completions: ptr.To[int32](10), Template: template}
}

var jobWorkload = patchable{"batch/v1", "Job",
	func(ctx context.Context, namespace string) {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cart"}, Spec: jobSpec(namespace, 2)}
		Expect(cluster.Client.Create(ctx, job)).To(Succeed())
		awaitPods(ctx, framework.Deployment(namespace, "cart", 2))
	},
	func(ctx context.Context, namespace string) int {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cart"}}
		Expect(cluster.Client.Patch(ctx, job, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"parallelism":4}}`)))).To(Succeed())
		return 4
	}}

// cronJobWorkload begins with a Job that was made by hand, as kubectl create job --from does; the others come every
// minute.
var cronJobWorkload = patchable{"batch/v1", "CronJob",
	func(ctx context.Context, namespace string) {
		cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cart"}, Spec: batchv1.CronJobSpec{
			Schedule: "* * * * *", Suspend: ptr.To(true), JobTemplate: batchv1.JobTemplateSpec{Spec: jobSpec(namespace, 2)}}}
		Expect(cluster.Client.Create(ctx, cron)).To(Succeed())
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "by-hand"}, Spec: jobSpec(namespace, 2)}
		job.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(cron, batchv1.SchemeGroupVersion.WithKind("CronJob"))}
		Expect(cluster.Client.Create(ctx, job)).To(Succeed())
		awaitPods(ctx, framework.Deployment(namespace, "cart", 2))
	},
	func(ctx context.Context, namespace string) int {
		cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cart"}}
		Expect(cluster.Client.Patch(ctx, cron, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspend":false}}`)))).To(Succeed())
		return 4
	}}

var _ = Describe("A SchedPatch", func() {
	DescribeTable("gives its rules to new Pods only, and rolls nothing, of", func(ctx SpecContext, workload patchable, simulated bool) {
		namespace := newNamespace(ctx, nil)
		workload.start(ctx, namespace)
		before, fingerprint := awaitCount(ctx, namespace, "cart", 2), workload.fingerprint(ctx, namespace)
		patch := patchFor(namespace, workload.apiVersion, workload.kind, "cart")
		goesTo := func(node *corev1.Node) bool { return node.Labels[poolLabel] == namespace }
		if simulated {
			simulatedNodes(ctx, namespace, 2)
		} else {
			nodes, err := cluster.Nodes(ctx)
			Expect(err).NotTo(HaveOccurred())
			selecting(corev1.LabelHostname, nodes[0])(&patch.Spec)
			goesTo = func(node *corev1.Node) bool { return node.Name == nodes[0] }
		}
		createPatch(ctx, patch)
		foreign := createPod(ctx, framework.UnscheduledPod(namespace, "foreign", "cart"))

		count := workload.grow(ctx, namespace)
		pods := awaitCount(ctx, namespace, "cart", count+1)

		Expect(framework.Identities(pods)).To(And(HaveKey(foreign.Name), HaveKey(before[0].Name), HaveKey(before[1].Name)))
		Expect(patchedOf(pods, patch.Name)).To(HaveLen(count - len(before)))
		Expect(patchedOf(before, patch.Name)).To(BeEmpty())
		Expect(carries(foreign, patch.Name)).To(BeFalse())
		awaitPatchReport(ctx, patch, patchReport{Matched: int32(count), Patched: 2, Ready: "True Active"})
		for _, name := range patchedOf(pods, patch.Name) {
			awaitReadyOn(ctx, client.ObjectKey{Namespace: namespace, Name: name}, goesTo)
		}
		expectUnpatched(ctx, before)
		Expect(workload.fingerprint(ctx, namespace)).To(Equal(fingerprint), "template and revisions")
	},
		Entry("a Deployment, on real nodes", deploymentWorkload, false, SpecTimeout(framework.SpecPatience)),
		Entry("a Deployment, on simulated nodes", deploymentWorkload, true, SpecTimeout(framework.SpecPatience)),
		Entry("a StatefulSet of apps/v1", statefulSetWorkload, true, SpecTimeout(framework.SpecPatience)),
		Entry("an Advanced StatefulSet", advancedStatefulSetWorkload, true, SpecTimeout(framework.SpecPatience)),
		Entry("a Job", jobWorkload, true, SpecTimeout(framework.SpecPatience)),
		Entry("a CronJob", cronJobWorkload, true, SpecTimeout(framework.SpecPatience)),
	)

	It("waits for a target that does not exist, and follows it by name when it is made again", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		simulatedNodes(ctx, namespace, 1)
		patch := createPatch(ctx, patchFor(namespace, "apps/v1", "Deployment", "cart"))
		awaitPatchReport(ctx, patch, patchReport{Ready: "False TargetNotFound"})

		By("making the target")
		first := idleDeployment(namespace, 2)
		Expect(cluster.Client.Create(ctx, first)).To(Succeed())
		Expect(patchedOf(awaitCount(ctx, namespace, "cart", 2), patch.Name)).To(HaveLen(2))
		awaitPatchReport(ctx, patch, patchReport{Matched: 2, Patched: 2, Ready: "True Active"})

		By("deleting it")
		Expect(cluster.Client.Delete(ctx, first)).To(Succeed())
		Eventually(ctx, func() ([]corev1.Pod, error) { return cluster.Pods(ctx, namespace, nil) }).Should(BeEmpty())
		awaitPatchReport(ctx, patch, patchReport{Ready: "False TargetNotFound"})

		By("making it again")
		Expect(cluster.Client.Create(ctx, idleDeployment(namespace, 3))).To(Succeed())
		Expect(patchedOf(awaitCount(ctx, namespace, "cart", 3), patch.Name)).To(HaveLen(3))
		awaitPatchReport(ctx, patch, patchReport{Matched: 3, Patched: 3, Ready: "True Active"})
	}, SpecTimeout(framework.SpecPatience))
})

// awaitReadyOn waits until a Pod serves, on a node that is allowed.
func awaitReadyOn(ctx context.Context, key client.ObjectKey, allowed func(*corev1.Node) bool) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		pod, node := &corev1.Pod{}, &corev1.Node{}
		g.Expect(cluster.Client.Get(ctx, key, pod)).To(Succeed())
		g.Expect(framework.IsReady(pod)).To(BeTrue(), "Pod %s is not ready", pod.Name)
		g.Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: pod.Spec.NodeName}, node)).To(Succeed())
		g.Expect(allowed(node)).To(BeTrue(), "Pod %s is on node %s", pod.Name, node.Name)
	}).Should(Succeed())
}

// expectUnpatched compares Pods with what they are now.
func expectUnpatched(ctx context.Context, before []corev1.Pod) {
	GinkgoHelper()
	for i := range before {
		now := &corev1.Pod{}
		Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(&before[i]), now)).To(Succeed())
		Expect(now.UID).To(Equal(before[i].UID))
		Expect(now.Spec).To(Equal(before[i].Spec))
		Expect(now.Labels).To(Equal(before[i].Labels))
		Expect(framework.Restarts([]corev1.Pod{*now})).To(Equal(framework.Restarts(before[i : i+1])))
	}
}
