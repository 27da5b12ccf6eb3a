// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// tenant is a client of somebody with the role edit in the namespace, and no more.
func tenant(ctx context.Context, namespace string) client.Client {
	GinkgoHelper()
	Expect(cluster.Client.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tenant"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "tenant-of-" + namespace}},
	})).To(Succeed())
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "tenant-of-" + namespace, Groups: []string{"system:authenticated"}}
	as, err := client.New(config, client.Options{Scheme: cluster.Client.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return as
}

var _ = Describe("Where injection is enforced, somebody with the role edit", func() {
	var (
		namespace, set string
		as             client.Client
	)
	BeforeEach(func(ctx SpecContext) {
		namespace = newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced})
		set = createSet(ctx, framework.SidecarSet(namespace, namespace, "app")).Name
		as = tenant(ctx, namespace)
		// RBAC takes a moment to reach the API server's own cache.
		Eventually(ctx, func() error {
			return as.Create(ctx, framework.UnscheduledPod(namespace, "first", "app"), client.DryRunAll)
		}).Should(Succeed())
	})

	It("gets no Pod without its sidecar", func(ctx SpecContext) {
		honest := framework.UnscheduledPod(namespace, "honest", "app")
		Expect(as.Create(ctx, honest)).To(Succeed())
		sidecar := func(p *corev1.Pod, name, image string) *corev1.Container {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name, Image: image})
			return &p.Spec.Containers[len(p.Spec.Containers)-1]
		}
		refused := "SidecarSet " + set + " is not injected: "
		for name, attempt := range map[string]struct {
			change func(*corev1.Pod)
			denied string
		}{
			"a phase":                   {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, ""},
			"the label of our own Pods": {func(p *corev1.Pod) { p.Labels["app.kubernetes.io/name"] = "windlass" }, ""},
			"the annotation of mirrors": {func(p *corev1.Pod) {
				p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
				p.Spec.NodeName = "none"
			}, ""},
			"records and another image": {func(p *corev1.Pod) {
				p.Annotations = honest.Annotations
				sidecar(p, framework.SidecarContainer, framework.AppImage)
			}, ""},
			"a mark and another command": {func(p *corev1.Pod) {
				c := sidecar(p, framework.SidecarContainer, framework.SidecarImage)
				c.Command, c.Env = []string{"sleep"}, []corev1.EnvVar{{Name: v1beta1.SidecarInjectedEnv, Value: "true"}}
			}, ""},
			"a container of its name":  {func(p *corev1.Pod) { sidecar(p, framework.SidecarContainer, framework.AppImage) }, "has the name of a container of this Pod"},
			"an opt-out":               {func(p *corev1.Pod) { p.Labels[v1beta1.SidecarInjectionKey] = "false" }, "the Pod opts out"},
			"annotations without room": {func(p *corev1.Pod) { p.Annotations = map[string]string{"a": strings.Repeat("x", 256<<10-100)} }, "metadata.annotations: Too long"},
		} {
			p := framework.UnscheduledPod(namespace, "attempt", "app")
			attempt.change(p)
			err := as.Create(ctx, p, client.DryRunAll)
			if attempt.denied != "" {
				Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", name, err)
				Expect(err).To(MatchError(And(ContainSubstring(refused), ContainSubstring(attempt.denied))), name)
				continue
			}
			Expect(err).NotTo(HaveOccurred(), name)
			Expect(p).To(beInjectedBy(set), name)
			var got corev1.Container
			for _, c := range p.Spec.Containers {
				if c.Name == framework.SidecarContainer {
					got = c
				}
			}
			Expect(got.Image).To(Equal(framework.SidecarImage), name)
			Expect(got.Command).To(BeEmpty(), name)
		}
	}, SpecTimeout(framework.SpecPatience))

	It("changes no sidecar of a running Pod, and no record of it", func(ctx SpecContext) {
		p := framework.UnscheduledPod(namespace, "honest", "app")
		Expect(as.Create(ctx, p)).To(Succeed())
		change := func(change func(*corev1.Pod)) error {
			changed := p.DeepCopy()
			change(changed)
			return as.Patch(ctx, changed, client.MergeFrom(p), client.DryRunAll)
		}
		image := func(name string) func(*corev1.Pod) {
			return func(p *corev1.Pod) {
				for i := range p.Spec.Containers {
					if p.Spec.Containers[i].Name == name {
						p.Spec.Containers[i].Image = "another:1"
					}
				}
			}
		}
		Expect(change(image(framework.AppContainer))).To(Succeed(), "the application is the tenant's own")
		Expect(change(func(p *corev1.Pod) { p.Annotations["note"] = "mine" })).To(Succeed())
		Expect(change(image(framework.SidecarContainer))).To(MatchError(ContainSubstring("the image of sidecar " + framework.SidecarContainer + " is its SidecarSet's to change")))
		Expect(change(func(p *corev1.Pod) { p.Annotations[v1beta1.SidecarSetHashAnnotation] = "{}" })).To(
			MatchError(ContainSubstring("annotation " + v1beta1.SidecarSetHashAnnotation + " is the operator's to change")))
		Expect(change(func(p *corev1.Pod) { delete(p.Annotations, v1beta1.SidecarSetInjectedListAnnotation) })).To(
			MatchError(ContainSubstring("annotation " + v1beta1.SidecarSetInjectedListAnnotation + " is the operator's to change")))
	}, SpecTimeout(framework.SpecPatience))
})

var _ = Describe("A Pod that is valid only without the sidecar", func() {
	It("is created without, and says why", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		object := framework.SidecarSet(namespace, namespace, "app")
		object.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 9100}}
		set := createSet(ctx, object).Name
		awaitInjection(ctx, namespace, set)

		p := framework.UnscheduledPod(namespace, "hostnet", "app")
		p.Spec.HostNetwork, p.Spec.Containers[0].Ports = true, []corev1.ContainerPort{{ContainerPort: 9100}}
		created := createPod(ctx, p)

		Expect(containerNames(created.Spec.Containers)).To(Equal([]string{framework.AppContainer}))
		Expect(created.Annotations).To(HaveKeyWithValue(v1beta1.SidecarSetOmittedAnnotation, And(
			ContainSubstring(`"reason":"InvalidPod"`), ContainSubstring(`hostPort: Duplicate value: \"TCP//9100\"`))))
	}, SpecTimeout(framework.SpecPatience))
})
