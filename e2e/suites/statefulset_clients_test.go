// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	kruisev1alpha1 "github.com/openkruise/kruise-api/apps/v1alpha1"
	kruisev1beta1 "github.com/openkruise/kruise-api/apps/v1beta1"
	kruise "github.com/openkruise/kruise-api/client/clientset/versioned"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// kubectlName is how kubectl tells our StatefulSets from those of apps/v1.
const kubectlName = "statefulsets.apps.kruise.io/app"

// kubectlPatience is how long kubectl waits.
var kubectlPatience = "--timeout=" + framework.Patience.String()

var _ = Describe("Other people's clients of an Advanced StatefulSet", func() {
	It("OpenKruise's Go client creates, changes, scales and takes back in v1beta1, and reads every counter", func(ctx SpecContext) {
		clients, err := kruise.NewForConfig(cluster.Config)
		Expect(err).NotTo(HaveOccurred())
		namespace := newNamespace(ctx, nil)
		sets := clients.AppsV1beta1().StatefulSets(namespace)

		made, err := sets.Create(ctx, kruiseSet(namespace), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		s := knownStateful(framework.StatefulSet(namespace, made.Name, 1))
		before := s.awaitDone(ctx)

		By("changing the image")
		set, err := sets.Get(ctx, made.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		first := set.Status.UpdateRevision
		set.Spec.Template.Spec.Containers[0].Image = framework.AppImageV2
		_, err = sets.Update(ctx, set, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		expectRestarted(before, s.awaitDone(ctx), framework.AppContainer)

		By("scaling")
		scale, err := sets.GetScale(ctx, made.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(scale.Status).To(And(HaveField("Replicas", int32(1)), HaveField("Selector", framework.AppLabel+"=app")))
		scale.Spec.Replicas = 2
		_, err = sets.UpdateScale(ctx, made.Name, scale, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		s.awaitDone(ctx)

		By("taking the change back with the recorded revision, as rollout undo does")
		set, err = sets.Get(ctx, made.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(set.Status).To(And(HaveField("UpdatedReplicas", int32(2)), HaveField("UpdatedReadyReplicas", int32(2)),
			HaveField("UpdatedAvailableReplicas", int32(2)), HaveField("UpdateRevision", Not(Equal(first)))))
		var recorded kruisev1beta1.StatefulSet
		Expect(json.Unmarshal(s.revisions(ctx)[first].Data.Raw, &recorded)).To(Succeed())
		set.Spec.Template = recorded.Spec.Template
		_, err = sets.Update(ctx, set, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(images(s.awaitDone(ctx), framework.AppContainer)).To(HaveEach(framework.AppImage))
		Expect(s.get(ctx).Status.UpdateRevision).To(Equal(first), "the revision of before is the newest again")
		Expect(s.revisions(ctx)).To(HaveLen(2))
	}, SpecTimeout(framework.SpecPatience))

	It("OpenKruise's Go client does the same in v1alpha1", func(ctx SpecContext) {
		clients, err := kruise.NewForConfig(cluster.Config)
		Expect(err).NotTo(HaveOccurred())
		namespace := newNamespace(ctx, nil)
		sets := clients.AppsV1alpha1().StatefulSets(namespace)

		ours := framework.StatefulSet(namespace, "app", 1)
		made, err := sets.Create(ctx, &kruisev1alpha1.StatefulSet{
			ObjectMeta: metav1.ObjectMeta{Name: "app"},
			Spec:       kruisev1alpha1.StatefulSetSpec{Replicas: ours.Spec.Replicas, Selector: ours.Spec.Selector, Template: ours.Spec.Template},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		s := knownStateful(ours)
		before := s.awaitDone(ctx)

		set, err := sets.Get(ctx, made.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		set.Spec.Template.Spec.Containers[0].Image = framework.AppImageV2
		_, err = sets.Update(ctx, set, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		expectRecreated(before, s.awaitDone(ctx))
		scale, err := sets.GetScale(ctx, made.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		scale.Spec.Replicas = 2
		_, err = sets.UpdateScale(ctx, made.Name, scale, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		s.awaitDone(ctx)
		set, err = sets.Get(ctx, made.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(set.Status).To(And(HaveField("UpdatedReplicas", int32(2)), HaveField("ReadyReplicas", int32(2))))
	}, SpecTimeout(framework.SpecPatience))

	It("kubectl scales it, waits for it and shows it; a HorizontalPodAutoscaler keeps it within its bounds", func(ctx SpecContext) {
		s, _ := startStateful(ctx, 1)
		in := func(args ...string) []string { return append([]string{"--namespace", s.key.Namespace}, args...) }

		kubectl(ctx, "", in("scale", kubectlName, "--replicas=2")...)
		Eventually(ctx, func() int32 { return s.get(ctx).Status.Replicas }).Should(Equal(int32(2)))
		kubectl(ctx, "", in("wait", "--for=condition=Ready", kubectlPatience, kubectlName)...)
		Expect(s.awaitDone(ctx)).To(HaveLen(2))
		Expect(kubectl(ctx, "", in("get", "asts", "app", "--no-headers")...)).To(MatchRegexp(`^app +2 +2 +2 +2 `))

		By("an autoscaler whose least is more")
		began := time.Now()
		Expect(cluster.Client.Create(ctx, autoscaler(s.key, 3))).To(Succeed())
		Eventually(ctx, func() int32 { return *s.get(ctx).Spec.Replicas }).Should(Equal(int32(3)), "replicas that the autoscaler asks for")
		figure("HorizontalPodAutoscaler", "scaled after %.1f s", time.Since(began).Seconds())
		Expect(s.awaitDone(ctx)).To(HaveLen(3))
		Eventually(ctx, func() ([]autoscalingv2.HorizontalPodAutoscalerCondition, error) {
			seen := &autoscalingv2.HorizontalPodAutoscaler{}
			err := cluster.Client.Get(ctx, s.key, seen)
			return seen.Status.Conditions, err
		}).Should(ContainElement(And(HaveField("Type", autoscalingv2.AbleToScale), HaveField("Status", corev1.ConditionTrue))))
	}, SpecTimeout(framework.SpecPatience))
})

// kruiseSet is a StatefulSet of OpenKruise's types that is changed in place.
func kruiseSet(namespace string) *kruisev1beta1.StatefulSet {
	ours := framework.StatefulSet(namespace, "app", 1)
	set := &kruisev1beta1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "app"},
		Spec:       kruisev1beta1.StatefulSetSpec{Replicas: ours.Spec.Replicas, Selector: ours.Spec.Selector, Template: ours.Spec.Template},
	}
	set.Spec.Template.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: v1beta1.InPlaceUpdateReadyCondition}}
	set.Spec.UpdateStrategy.RollingUpdate = &kruisev1beta1.RollingUpdateStatefulSetStrategy{
		PodUpdatePolicy: kruisev1beta1.InPlaceIfPossiblePodUpdateStrategyType,
	}
	return set
}

// autoscaler keeps a set at so many Pods or more. It needs no metrics for that.
func autoscaler(set client.ObjectKey, least int32) *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: set.Name},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: v1beta1.GroupVersion.String(), Kind: "StatefulSet", Name: set.Name},
			MinReplicas:    ptr.To(least), MaxReplicas: least + 2,
		},
	}
}
