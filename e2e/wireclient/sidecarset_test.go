// SPDX-License-Identifier: Apache-2.0

package wireclient

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	kruisev1alpha1 "github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/gentype"
	"k8s.io/client-go/rest"
)

var sidecarSetParts = parts[*kruisev1alpha1.SidecarSet]{
	spec:       func(s *kruisev1alpha1.SidecarSet) any { return s.Spec },
	status:     func(s *kruisev1alpha1.SidecarSet) any { return s.Status },
	copyStatus: func(to, from *kruisev1alpha1.SidecarSet) { to.Status = from.Status },
	change: func(s *kruisev1alpha1.SidecarSet) {
		two := intstr.FromInt32(2)
		s.Spec.UpdateStrategy.MaxUnavailable = &two
	},
}

var _ = DescribeTable("SidecarSet v1alpha1 keeps every field", func(ctx SpecContext, priority string, extra ...any) {
	roundTrip(ctx, clients.AppsV1alpha1().SidecarSets(), admissible(fullSidecarSet("alpha-", priority, extra...)), sidecarSetParts)
},
	Entry("with weights", byWeight, sidecar, volume, env),
	Entry("with an order", byOrder, sidecar, volume, env),
	Entry("of Kubernetes' own types too", Label(noWebhooks), byOrder),
)

var _ = DescribeTable("SidecarSet v1beta1 keeps every field", func(ctx SpecContext, priority string, extra ...any) {
	roundTrip(ctx, sidecarSetsV1beta1(), admissible(fullSidecarSet("beta-", priority, extra...)), sidecarSetParts)
},
	Entry("with weights", byWeight, sidecar, volume, env),
	Entry("with an order", byOrder, sidecar, volume, env),
	Entry("of Kubernetes' own types too", Label(noWebhooks), byOrder),
)

var _ = Describe("the SidecarSets of these tests", func() {
	It("leave no field of OpenKruise's types empty", func() {
		weight, order := fullSidecarSet("", byWeight), fullSidecarSet("", byOrder)
		Expect(emptyFields(weight.Spec).Intersection(emptyFields(order.Spec))).To(BeEmpty())
		Expect(emptyFields(weight.Status)).To(BeEmpty())
	})
})

// A container, a volume and a source of names that a cluster with our webhooks admits too.
var (
	sidecar = corev1.Container{
		Name: "proxy", Image: "registry.example/proxy:1",
		VolumeMounts: []corev1.VolumeMount{{Name: "cache", MountPath: "/cache"}},
	}
	volume = corev1.Volume{Name: "cache", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	env    = corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.labels['main']"}
)

// fullSidecarSet is a SidecarSet with every field set. Its type is NotUpdate, the only one with which selector and
// partition go together.
func fullSidecarSet(prefix, priority string, extra ...any) *kruisev1alpha1.SidecarSet {
	set := &kruisev1alpha1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: "wireclient-" + prefix + priority}}
	f := newFiller(append([]any{
		kruisev1alpha1.BeforeAppContainerType,
		kruisev1alpha1.SidecarContainerHotUpgrade,
		kruisev1alpha1.ShareVolumePolicyEnabled,
		kruisev1alpha1.NotUpdateSidecarSetStrategyType,
		kruisev1alpha1.PartialSidecarSetInjectRevisionPolicy,
		kruisev1alpha1.SidecarSetRetainPatchPolicy,
	}, extra...), nil)
	f.fill(&set.Spec)
	f.fill(&set.Status)
	for i := range set.Spec.InitContainers {
		set.Spec.InitContainers[i].Name = "setup"
	}
	if priority == byOrder {
		set.Spec.UpdateStrategy.PriorityStrategy.WeightPriority = nil
	} else {
		set.Spec.UpdateStrategy.PriorityStrategy.OrderPriority = nil
	}
	return set
}

// admissible leaves out what the webhooks of a cluster that -kubeconfig names refuse: the name of a revision that does
// not exist, and a container's name that another set has, which they may still know when it has just been deleted.
func admissible(set *kruisev1alpha1.SidecarSet) *kruisev1alpha1.SidecarSet {
	if kubeconfig() == "" {
		return set
	}
	set.Spec.InjectionStrategy.Revision = nil
	for i := range set.Spec.Containers {
		set.Spec.Containers[i].Name = set.Name
	}
	for i := range set.Spec.InitContainers {
		set.Spec.InitContainers[i].Name = set.Name + "-setup"
	}
	return set
}

// sidecarSetsV1beta1 is a client for SidecarSet in v1beta1. Version 1.8 of the module has none, but the type of
// v1alpha1 has the same fields.
func sidecarSetsV1beta1() typed[*kruisev1alpha1.SidecarSet, *kruisev1alpha1.SidecarSetList] {
	GinkgoHelper()
	version := schema.GroupVersion{Group: kruisev1alpha1.GroupVersion.Group, Version: "v1beta1"}
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(version, &kruisev1alpha1.SidecarSet{}, &kruisev1alpha1.SidecarSetList{})
	metav1.AddToGroupVersion(scheme, version)

	forVersion := rest.CopyConfig(config)
	forVersion.GroupVersion = &version
	forVersion.APIPath = "/apis"
	forVersion.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(forVersion)
	Expect(err).NotTo(HaveOccurred())
	return gentype.NewClientWithList[*kruisev1alpha1.SidecarSet, *kruisev1alpha1.SidecarSetList](
		"sidecarsets", client, runtime.NewParameterCodec(scheme), "",
		func() *kruisev1alpha1.SidecarSet { return &kruisev1alpha1.SidecarSet{} },
		func() *kruisev1alpha1.SidecarSetList { return &kruisev1alpha1.SidecarSetList{} })
}
