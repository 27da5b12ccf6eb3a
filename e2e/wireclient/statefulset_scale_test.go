// SPDX-License-Identifier: Apache-2.0

package wireclient

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	kruisev1beta1 "github.com/openkruise/kruise-api/apps/v1beta1"
	kruiseinformers "github.com/openkruise/kruise-api/client/informers/externalversions"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/retry"
)

// scaler is what the clients of both versions of StatefulSet can do to a scale.
type scaler interface {
	GetScale(ctx context.Context, name string, options metav1.GetOptions) (*autoscalingv1.Scale, error)
	UpdateScale(ctx context.Context, name string, scale *autoscalingv1.Scale, options metav1.UpdateOptions) (*autoscalingv1.Scale, error)
}

// createSmall creates a set with every field of v1beta1 and one replica.
func createSmall(ctx context.Context, name string) *kruisev1beta1.StatefulSet {
	GinkgoHelper()
	set := fullStatefulSetV1beta1(byWeight, podTemplate, claims, webSelector)
	set.Name, *set.Spec.Replicas = name, 1
	set.Status = kruisev1beta1.StatefulSetStatus{}
	created, err := clients.AppsV1beta1().StatefulSets(namespace).Create(ctx, set, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(clients.AppsV1beta1().StatefulSets(namespace).Delete(ctx, name, metav1.DeleteOptions{})).To(Succeed())
	})
	return created
}

// expectReplicas expects a set as it was, but for its replicas.
func expectReplicas(ctx context.Context, set *kruisev1beta1.StatefulSet, replicas int32) {
	GinkgoHelper()
	got, err := clients.AppsV1beta1().StatefulSets(namespace).Get(ctx, set.Name, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	want := set.Spec.DeepCopy()
	want.Replicas = &replicas
	expectEqual(got.Spec, *want)
}

var _ = DescribeTable("the scale of a StatefulSet changes replicas and nothing else", Label(noWebhooks), func(ctx SpecContext, name string, client func() scaler) {
	set := createSmall(ctx, name)
	Expect(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		scale, err := client().GetScale(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		Expect(scale.Spec.Replicas).To(BeEquivalentTo(1))
		scale.Spec.Replicas = 0
		_, err = client().UpdateScale(ctx, name, scale, metav1.UpdateOptions{})
		return err
	})).To(Succeed())
	expectReplicas(ctx, set, 0)
},
	Entry("in v1beta1", "scaled-beta", func() scaler { return clients.AppsV1beta1().StatefulSets(namespace) }),
	Entry("in v1alpha1", "scaled-alpha", func() scaler { return clients.AppsV1alpha1().StatefulSets(namespace) }),
)

// The types of v1alpha1 do not have all fields. A patch that goes through them must not cost any.
var _ = Describe("a patch of a StatefulSet through v1alpha1", Label(noWebhooks), func() {
	It("keeps the fields that only v1beta1 has", func(ctx SpecContext) {
		set := createSmall(ctx, "patched")
		_, err := clients.AppsV1alpha1().StatefulSets(namespace).Patch(ctx, set.Name, types.MergePatchType, []byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
		expectReplicas(ctx, set, 0)
	})
})

var _ = Describe("the informers of OpenKruise's client", Label(noWebhooks), func() {
	It("tell of StatefulSets that come, change and go", func(ctx SpecContext) {
		factory := kruiseinformers.NewSharedInformerFactoryWithOptions(clients, 0, kruiseinformers.WithNamespace(namespace))
		informer, lister := factory.Apps().V1beta1().StatefulSets().Informer(), factory.Apps().V1beta1().StatefulSets().Lister()
		gone := make(chan string, 16)
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: func(object any) {
			if set, ok := object.(*kruisev1beta1.StatefulSet); ok {
				gone <- set.Name
			}
		}})
		Expect(err).NotTo(HaveOccurred())
		factory.Start(ctx.Done())
		Expect(cache.WaitForCacheSync(ctx.Done(), informer.HasSynced)).To(BeTrue())

		set := fullStatefulSetV1beta1(byOrder, podTemplate, claims, webSelector)
		set.Name, *set.Spec.Replicas = "informed", 0
		api := clients.AppsV1beta1().StatefulSets(namespace)
		_, err = api.Create(ctx, set, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, func() error { _, err := lister.StatefulSets(namespace).Get("informed"); return err }).Should(Succeed())

		_, err = api.Patch(ctx, "informed", types.MergePatchType, []byte(`{"spec":{"replicas":1}}`), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, func(g Gomega) {
			told, err := lister.StatefulSets(namespace).Get("informed")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(told.Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		}).Should(Succeed())

		Expect(api.Delete(ctx, "informed", metav1.DeleteOptions{})).To(Succeed())
		Eventually(ctx, gone).Should(Receive(Equal("informed")))
	})
})
