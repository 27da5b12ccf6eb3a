// SPDX-License-Identifier: Apache-2.0

package accounts

import (
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/pull"
)

// refusedBy is an error that comes from a policy: not from a role, and not from a policy that could not be evaluated.
func refusedBy(policy string, words ...string) gomegatypes.GomegaMatcher {
	all := []gomegatypes.GomegaMatcher{
		WithTransform(apierrors.IsForbidden, BeTrue()),
		MatchError(ContainSubstring("ValidatingAdmissionPolicy '" + policy + "' with binding '" + policy + "' denied request: ")),
	}
	for _, word := range words {
		all = append(all, MatchError(ContainSubstring(word)))
	}
	return And(all...)
}

// secret is what the webhook makes when somebody has deleted it.
func secret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "windlass-webhook-self-cert"}, Type: corev1.SecretTypeOpaque}
}

var _ = DescribeTable("The webhook's account", func(ctx SpecContext, may bool, change func(*corev1.Secret)) {
	s := secret()
	change(s)
	err := as("webhook").Create(ctx, s, client.DryRunAll)
	if may {
		Expect(err).NotTo(HaveOccurred())
		return
	}
	Expect(err).To(refusedBy("windlass-webhook-secrets", "account windlass-system/windlass-webhook may create only Secret windlass-system/windlass-webhook-self-cert, "+
		"of type Opaque or kubernetes.io/tls and without annotation kubernetes.io/service-account.name."))
},
	Entry("puts its empty Secret back", true, func(*corev1.Secret) {}),
	Entry("puts it back as it was", true, func(s *corev1.Secret) {
		s.Labels, s.Annotations = map[string]string{"team": "a"}, map[string]string{"meta.helm.sh/release-name": "windlass"}
		s.Data = map[string][]byte{"tls.key": []byte("key")}
	}),
	Entry("puts it back without a type, which is Opaque", true, func(s *corev1.Secret) { s.Type = "" }),
	Entry("puts it back with the type of certificates", true, func(s *corev1.Secret) {
		s.Type, s.Data = corev1.SecretTypeTLS, map[string][]byte{"tls.crt": nil, "tls.key": nil}
	}),
	Entry("makes no Secret of another name", false, func(s *corev1.Secret) { s.Name = "mine" }),
	Entry("makes no Secret of a made-up name", false, func(s *corev1.Secret) { s.Name, s.GenerateName = "", "windlass-webhook-self-cert" }),
	Entry("makes no token of the operator's account", false, func(s *corev1.Secret) {
		s.Name, s.Type = "token", corev1.SecretTypeServiceAccountToken
		s.Annotations = map[string]string{corev1.ServiceAccountNameKey: "windlass-operator"}
	}),
	Entry("makes no token under its Secret's name", false, func(s *corev1.Secret) {
		s.Type, s.Annotations = corev1.SecretTypeServiceAccountToken, map[string]string{corev1.ServiceAccountNameKey: "windlass-operator"}
	}),
	Entry("names no account in its Secret", false, func(s *corev1.Secret) {
		s.Annotations = map[string]string{corev1.ServiceAccountNameKey: "windlass-operator"}
	}),
	Entry("makes no Helm release", false, func(s *corev1.Secret) { s.Type = "helm.sh/release.v1" }),
)

// mutating and validating are the configurations as they are stored.
func mutating(ctx context.Context) *admissionregistrationv1.MutatingWebhookConfiguration {
	GinkgoHelper()
	stored := &admissionregistrationv1.MutatingWebhookConfiguration{}
	Expect(k8s.Get(ctx, client.ObjectKey{Name: "windlass"}, stored)).To(Succeed())
	return stored
}

func validating(ctx context.Context) *admissionregistrationv1.ValidatingWebhookConfiguration {
	GinkgoHelper()
	stored := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	Expect(k8s.Get(ctx, client.ObjectKey{Name: "windlass"}, stored)).To(Succeed())
	return stored
}

var _ = Describe("The webhook's account", func() {
	It("puts a CA into both of its configurations, another one later, and takes it away", func(ctx SpecContext) {
		for _, bundle := range [][]byte{config.CAData, append(slices.Clone(config.CAData), config.CAData...), nil} {
			m, v := mutating(ctx), validating(ctx)
			for i := range m.Webhooks {
				m.Webhooks[i].ClientConfig.CABundle = bundle
			}
			for i := range v.Webhooks {
				v.Webhooks[i].ClientConfig.CABundle = bundle
			}
			Expect(as("webhook").Update(ctx, m)).To(Succeed())
			Expect(as("webhook").Update(ctx, v)).To(Succeed())
			Expect(mutating(ctx).Webhooks[0].ClientConfig.CABundle).To(Equal(bundle))
			Expect(validating(ctx).Webhooks[0].ClientConfig.CABundle).To(Equal(bundle))
		}
	})

	const words = "account windlass-system/windlass-webhook may change nothing of a webhook configuration but webhooks[*].clientConfig.caBundle."
	DescribeTable("changes nothing else of the mutating one:", func(ctx SpecContext, change func(*admissionregistrationv1.MutatingWebhookConfiguration)) {
		c := mutating(ctx)
		change(c)
		Expect(as("webhook").Update(ctx, c, client.DryRunAll)).To(refusedBy("windlass-webhook-ca", words))
		Expect(k8s.Update(ctx, c, client.DryRunAll)).To(Succeed(), "whoever installs the chart may")
	},
		Entry("a rule", func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].Rules[0].Resources = []string{"secrets"}
		}),
		Entry("another rule", func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].Rules = append(c.Webhooks[0].Rules, c.Webhooks[1].Rules...)
		}),
		Entry("which namespaces", func(c *admissionregistrationv1.MutatingWebhookConfiguration) { c.Webhooks[0].NamespaceSelector = nil }),
		Entry("a condition", func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "never", Expression: "false"}}
		}),
		Entry("who answers", func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].ClientConfig.Service, c.Webhooks[0].ClientConfig.URL = nil, ptr.To("https://elsewhere.example")
		}),
		Entry("under which path", func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].ClientConfig.Service.Path = ptr.To("/elsewhere")
		}),
		Entry("what a failure means", func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].FailurePolicy = ptr.To(admissionregistrationv1.Fail)
		}),
		Entry("the order", func(c *admissionregistrationv1.MutatingWebhookConfiguration) { slices.Reverse(c.Webhooks) }),
		Entry("a webhook less", func(c *admissionregistrationv1.MutatingWebhookConfiguration) { c.Webhooks = c.Webhooks[1:] }),
		Entry("no webhook", func(c *admissionregistrationv1.MutatingWebhookConfiguration) { c.Webhooks = nil }),
		Entry("a webhook more", func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			more := c.Webhooks[0].DeepCopy()
			more.Name = "more.apps.kruise.io"
			c.Webhooks = append(c.Webhooks, *more)
		}),
		Entry("labels", func(c *admissionregistrationv1.MutatingWebhookConfiguration) { c.Labels["more"] = "x" }),
		Entry("annotations", func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Annotations = map[string]string{"cert-manager.io/inject-ca-from": "shop/mine"}
		}),
		Entry("owners", func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n", UID: "u"}}
		}),
		Entry("finalizers", func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Finalizers = []string{"example.com/hold"}
		}),
	)

	DescribeTable("changes nothing else of the validating one:", func(ctx SpecContext, change func(*admissionregistrationv1.ValidatingWebhookConfiguration)) {
		c := validating(ctx)
		change(c)
		Expect(as("webhook").Update(ctx, c, client.DryRunAll)).To(refusedBy("windlass-webhook-ca", words))
		Expect(k8s.Update(ctx, c, client.DryRunAll)).To(Succeed(), "whoever installs the chart may")
	},
		Entry("a rule", func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].Rules[0].APIGroups = []string{""}
		}),
		Entry("a webhook less", func(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Webhooks = c.Webhooks[1:] }),
		Entry("annotations", func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			c.Annotations = map[string]string{"a": "b"}
		}),
	)
})

// podIn is a Pod as the operator makes it.
func podIn(namespace string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web-0", OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "apps.kruise.io/v1beta1", Kind: "StatefulSet", Name: "web", UID: "u", Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true)},
		}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: ptr.To[int64](0),
			Containers:                    []corev1.Container{{Name: "app", Image: "app:1"}},
			InitContainers:                []corev1.Container{{Name: "init", Image: "init:1"}},
		},
	}
}

// puller is a Pod by which a node pulls an image.
func puller(kind string) *corev1.Pod {
	owner := &metav1.ObjectMeta{Name: "mesh", UID: "u"}
	return pull.NewPod(pull.Start{Key: pull.Key{Node: "n", Image: "mesh:2"}, Container: "app"}, podIn("shop"), kind, owner, time.Minute)
}

var _ = Describe("The operator's account", func() {
	DescribeTable("makes Pods", func(ctx SpecContext, namespace string, change func(*corev1.Pod), words string) {
		p := podIn(namespace)
		change(p)
		err := as("operator").Create(ctx, p, client.DryRunAll)
		if words == "" {
			Expect(err).NotTo(HaveOccurred())
			return
		}
		Expect(err).To(refusedBy("windlass-operator-pods", words))
		Expect(k8s.Create(ctx, p, client.DryRunAll)).To(Succeed(), "others may")
	},
		Entry("of StatefulSets", "shop", func(*corev1.Pod) {}, ""),
		Entry("of StatefulSets in the other version", "shop", func(p *corev1.Pod) { p.OwnerReferences[0].APIVersion = "apps.kruise.io/v1alpha1" }, ""),
		Entry("but not in kube-system", "kube-system", func(*corev1.Pod) {},
			"the operator makes no Pods in namespaces kube-system, kube-node-lease, windlass-system. Move the StatefulSet of apps.kruise.io to another namespace"),
		Entry("but not in kube-node-lease", "kube-node-lease", func(*corev1.Pod) {}, "the operator makes no Pods in namespaces kube-system, "),
		Entry("but not in its own namespace", namespace, func(*corev1.Pod) {}, "the operator makes no Pods in namespaces kube-system, "),
		Entry("but none of nobody", "shop", func(p *corev1.Pod) { p.OwnerReferences = nil }, "may make only Pods with a StatefulSet of apps.kruise.io as controller"),
		Entry("but none of a StatefulSet of apps/v1", "shop", func(p *corev1.Pod) { p.OwnerReferences[0].APIVersion = "apps/v1" }, "may make only Pods with a StatefulSet"),
		Entry("but none of another kind", "shop", func(p *corev1.Pod) { p.OwnerReferences[0].Kind = "SidecarSet" }, "may make only Pods with a StatefulSet"),
		Entry("by which nodes pull images for SidecarSets", "shop", func(p *corev1.Pod) { *p = *puller("SidecarSet") }, ""),
		Entry("by which nodes pull images for StatefulSets", "shop", func(p *corev1.Pod) { *p = *puller("StatefulSet") }, ""),
		Entry("but none of those that runs something", "shop", func(p *corev1.Pod) {
			*p = *puller("SidecarSet")
			p.Spec.Containers[0].Command = []string{"/bin/sh"}
		}, "and Pods by which nodes pull images"),
		Entry("but none of those that has a token", "shop", func(p *corev1.Pod) {
			*p = *puller("SidecarSet")
			p.Spec.AutomountServiceAccountToken = nil
		}, "and Pods by which nodes pull images"),
		Entry("but none of those that goes with nobody", "shop", func(p *corev1.Pod) {
			*p = *puller("SidecarSet")
			p.OwnerReferences = nil
		}, "and Pods by which nodes pull images"),
		Entry("but none of those in kube-system", "kube-system", func(p *corev1.Pod) {
			*p = *puller("SidecarSet")
			p.Namespace = "kube-system"
		}, "the operator makes no Pods in namespaces kube-system, "),
		Entry("but none of an owner that is not the controller", "shop", func(p *corev1.Pod) { p.OwnerReferences[0].Controller = nil }, "may make only Pods with a StatefulSet"),
	)

	DescribeTable("changes Pods", func(ctx SpecContext, namespace string, change func(*corev1.Pod), may bool) {
		stored := podIn(namespace)
		Expect(k8s.Create(ctx, stored)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, stored)).To(Succeed()) })
		changed := stored.DeepCopy()
		change(changed)
		err := as("operator").Patch(ctx, changed, client.StrategicMergeFrom(stored), client.DryRunAll)
		if may {
			Expect(err).NotTo(HaveOccurred())
			return
		}
		Expect(err).To(refusedBy("windlass-operator-pods", "the operator changes no images of Pods in namespaces kube-system, kube-node-lease, windlass-system."))
	},
		Entry("in place where it makes them", "shop", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "app:2" }, true),
		Entry("by their labels and owners everywhere", "kube-system", func(p *corev1.Pod) { p.Labels, p.OwnerReferences = map[string]string{"a": "b"}, nil }, true),
		Entry("but no image in kube-system", "kube-system", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "app:2" }, false),
		Entry("but no image of an init container in its own namespace", namespace, func(p *corev1.Pod) { p.Spec.InitContainers[0].Image = "init:2" }, false),
	)
})
