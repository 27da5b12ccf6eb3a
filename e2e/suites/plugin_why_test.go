// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// owners are what Pods of the workload "app" belong to, as they are named on the command line.
var owners = []string{"deploy/app", "sts/app", "asts/app", "job/app", "pod/app"}

// lateLabel is what a namespace gets when its Pods are there.
const lateLabel = "e2e.windlass.test/late"

// runOwners makes a Pod for each kind of owner, which no node runs, and waits until all of them are there.
func runOwners(ctx context.Context, namespace string, annotations map[string]string) {
	GinkgoHelper()
	create(ctx, ownersIn(namespace, annotations)...)
	awaitCount(ctx, namespace, "app", len(owners))
}

func create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(cluster.Client.Create(ctx, object)).To(Succeed())
	}
}

// ownersIn are the owners of a namespace, the Advanced StatefulSet first.
func ownersIn(namespace string, annotations map[string]string) []client.Object {
	pod := framework.UnscheduledPod(namespace, "app", "app")
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels, Annotations: annotations}, Spec: pod.Spec}
	pod.Annotations = annotations
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "app"}
	kindOf := func(kind string) (*metav1.LabelSelector, corev1.PodTemplateSpec) {
		own := *template.DeepCopy()
		own.Labels["kind"] = kind
		return &metav1.LabelSelector{MatchLabels: own.Labels}, own
	}
	deployment, stateful, advanced := &appsv1.Deployment{ObjectMeta: meta}, &appsv1.StatefulSet{ObjectMeta: meta}, framework.StatefulSet(namespace, "app", 1)
	deployment.Spec.Selector, deployment.Spec.Template = kindOf("deployment")
	stateful.Spec.Selector, stateful.Spec.Template = kindOf("statefulset")
	advanced.Spec.Selector, advanced.Spec.Template = kindOf("advanced")
	advanced.Spec.Ordinals = &v1beta1.StatefulSetOrdinals{Start: 5}
	job := &batchv1.Job{ObjectMeta: meta}
	_, job.Spec.Template = kindOf("job")
	job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return []client.Object{advanced, deployment, stateful, job, pod}
}

// setFor injects a container of its own into the Pods of the workload "app" where the namespace has a label.
func setFor(name, key, value string) *v1beta1.SidecarSet {
	set := framework.SidecarSet(name, "", "app")
	set.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	set.Spec.Containers[0].Name = name
	return set
}

// reasonsOf are the reasons that `why` gives of an object, by SidecarSet.
func reasonsOf(ctx context.Context, plugin *framework.Plugin, namespace, owner string) map[string]string {
	GinkgoHelper()
	answer, err := plugin.Run(ctx, "why", owner, "-n", namespace, "-o", "json")
	Expect(err).NotTo(HaveOccurred())
	Expect(answer.Code).To(BeZero(), "%+v", answer)
	why := struct {
		Answers []struct {
			Name, Reason string
			Type         []string
		}
	}{}
	Expect(json.Unmarshal([]byte(answer.Out), &why)).To(Succeed(), answer.Out)
	out := map[string]string{}
	for _, a := range why.Answers {
		out[a.Name] = a.Reason
	}
	return out
}

// expectReasons expects `why` to say so of whatever owns Pods of a namespace. Other specs may have SidecarSets, too.
func expectReasons(ctx context.Context, plugin *framework.Plugin, namespace string, want map[string]string) {
	GinkgoHelper()
	for _, owner := range owners {
		Eventually(ctx, func() map[string]string {
			got := map[string]string{}
			for set, reason := range reasonsOf(ctx, plugin, namespace, owner) {
				if _, asked := want[set]; asked {
					got[set] = reason
				}
			}
			return got
		}).Should(Equal(want), "%s in namespace %s", owner, namespace)
	}
}

var _ = Describe("kubectl windlass why", Serial, func() {
	It("names the reason for each, whatever owns the Pod", func(ctx SpecContext) {
		plugin, err := cluster.Plugin(ctx)
		Expect(err).NotTo(HaveOccurred())
		namespace := newNamespace(ctx, nil)
		run := map[string]string{"run": namespace}
		unserved := newNamespace(ctx, map[string]string{"run": namespace, v1beta1.InjectionLabel: v1beta1.InjectionDisabled})
		opted, missed := newNamespace(ctx, run), newNamespace(ctx, run)

		By("making sets that are there before the Pods")
		name := func(what string) string { return namespace + "-" + what }
		label := func(in string, labels map[string]string) {
			GinkgoHelper()
			object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: in}}
			patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
			Expect(err).NotTo(HaveOccurred())
			Expect(cluster.Client.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
		}
		label(namespace, run)
		injected := createSet(ctx, setFor(name("injected"), "run", namespace))
		elsewhere := setFor(name("selector"), "run", namespace)
		elsewhere.Spec.Selector.MatchLabels["tier"] = "none"
		createSet(ctx, elsewhere)
		createSet(ctx, setFor(name("namespace"), "run", "nowhere"))
		taken := setFor(name("taken"), "run", namespace)
		taken.Spec.Containers[0].Name = framework.AppContainer
		createSet(ctx, taken)
		late := createSet(ctx, setFor(name("late"), lateLabel, namespace))
		Eventually(ctx, func() string {
			probe := framework.UnscheduledPod(namespace, "probe", "app")
			Expect(cluster.Client.Create(ctx, probe, client.DryRunAll)).To(Succeed())
			return probe.Annotations[v1beta1.SidecarSetInjectedListAnnotation]
		}).Should(Equal(injected.Name))
		// Times of creation are of whole seconds: of a Pod made in the set's second nobody knows which was there first.
		Eventually(ctx, time.Now).Should(BeTemporally(">", late.CreationTimestamp.Add(2*time.Second)))
		runOwners(ctx, namespace, nil)
		runOwners(ctx, unserved, nil)
		runOwners(ctx, opted, map[string]string{v1beta1.SidecarInjectionKey: "false"})

		By("making one after them, and labelling their namespace")
		createSet(ctx, setFor(name("younger"), "run", namespace))
		Eventually(ctx, time.Now).Should(BeTemporally(">", late.CreationTimestamp.Add(4*time.Second)))
		label(namespace, map[string]string{lateLabel: namespace})
		expectReasons(ctx, plugin, namespace, map[string]string{
			name("injected"): "Injected", name("selector"): "Selector", name("namespace"): "NamespaceSelector", name("taken"): v1beta1.ReasonNameTaken,
			name("late"): v1beta1.ReasonMatchedLater, name("younger"): v1beta1.ReasonCreatedBeforeSet,
		})
		expectReasons(ctx, plugin, unserved, map[string]string{name("injected"): "NamespaceNotServed"})
		expectReasons(ctx, plugin, opted, map[string]string{name("injected"): v1beta1.ReasonOptedOut})

		By("making Pods while no webhook answers") // which takes no Advanced StatefulSet, but lets its controller make Pods
		all := ownersIn(missed, nil)
		create(ctx, all[0])
		pod := awaitCount(ctx, missed, "app", 1)[0]
		takeWebhooksAway(ctx)
		create(ctx, all[1:]...)
		Expect(cluster.Client.Delete(ctx, &pod, client.GracePeriodSeconds(0))).To(Succeed())
		awaitCount(ctx, missed, "app", len(owners))
		expectReasons(ctx, plugin, missed, map[string]string{name("injected"): v1beta1.ReasonWebhookMissed})
	}, SpecTimeout(framework.SpecPatience))
})

// takeWebhooksAway ends all of its replicas, which go on as long as their Pods are there, until awaitWebhooks, or the end
// of the spec.
func takeWebhooksAway(ctx context.Context) {
	GinkgoHelper()
	patchReplicas(ctx, 0)
	DeferCleanup(func(ctx SpecContext) { awaitWebhooks(ctx) }, NodeTimeout(framework.SpecPatience))
	Eventually(ctx, func() ([]corev1.Pod, error) {
		list := &corev1.PodList{}
		err := cluster.Client.List(ctx, list, client.InNamespace(options.Namespace),
			client.MatchingLabels{"app.kubernetes.io/instance": framework.ReleaseName, "app.kubernetes.io/component": "webhook"})
		return list.Items, err
	}).Should(BeEmpty())
}

// awaitWebhooks gives the webhook its replicas back.
func awaitWebhooks(ctx context.Context) {
	GinkgoHelper()
	patchReplicas(ctx, replicas)
	Eventually(ctx, func() error {
		_, err := cluster.ReadyReleasePods(ctx, "webhook", replicas)
		return err
	}).Should(Succeed())
}
