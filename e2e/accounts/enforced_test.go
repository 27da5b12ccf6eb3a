// SPDX-License-Identifier: Apache-2.0

package accounts

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/program"
)

// The webhook injects nothing into Pods by which nodes pull images, and knows them by their label.
var _ = Describe("Where injection is enforced, somebody with the role edit", Ordered, func() {
	const where, policy = "guarded", "windlass-enforced-sidecars"
	var tenant client.Client
	label := map[string]string{v1beta1.ImagePullerLabel: "SidecarSet"}
	pod := func(name string, labels map[string]string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: name, Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
		}
	}

	BeforeAll(func(ctx SpecContext) {
		Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: where, Labels: map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced},
		}})).To(Succeed())
		Expect(k8s.Create(ctx, &rbacv1.Role{ // of the role edit, which nobody puts together here
			ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: "tenant"},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create", "update", "patch"}}},
		})).To(Succeed())
		Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: "tenant"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "tenant"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "tenant"}},
		})).To(Succeed())
		own := rest.CopyConfig(config)
		own.Impersonate = rest.ImpersonationConfig{UserName: "tenant", Groups: []string{"system:authenticated"}}
		var err error
		tenant, err = client.New(own, client.Options{Scheme: program.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() error { return tenant.Create(ctx, pod("first", nil), client.DryRunAll) }).Should(Succeed())
	})

	It("makes no Pod that looks like a puller, and makes none look like one", func(ctx SpecContext) {
		Eventually(func() error { return tenant.Create(ctx, pod("forged", label), client.DryRunAll) }).Should(
			refusedBy(policy, "label apps.kruise.io/image-puller is for Pods by which the operator has nodes pull images"))

		honest := pod("honest", nil)
		Expect(tenant.Create(ctx, honest)).To(Succeed())
		honest.Labels = label
		Expect(tenant.Update(ctx, honest, client.DryRunAll)).To(refusedBy(policy, "remove it"))
		honest.Labels = map[string]string{"team": "a"}
		Expect(tenant.Update(ctx, honest, client.DryRunAll)).To(Succeed())
	})

	It("may change a puller that is there", func(ctx SpecContext) {
		puller := pod("puller", label)
		Expect(k8s.Create(ctx, puller)).To(Succeed(), "whoever may change SidecarSets may")
		puller.Annotations = map[string]string{"note": "mine"}
		Expect(tenant.Update(ctx, puller, client.DryRunAll)).To(Succeed())
	})
})
