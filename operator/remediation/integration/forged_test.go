// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/remediation"
	"github.com/windlass-operator/windlass/program"
)

// Whoever may write StatefulSets and SchedPatches in one namespace writes a record there that claims nodes of the whole
// cluster.
var _ = Describe("a forged record", Serial, func() {
	It("keeps no Pod of another namespace on a bad node", func(ctx SpecContext) {
		hook.serves.Store(true)
		forger := newFixture(ctx, func(b *build.StatefulSetBuilder) { b.Replicas(0) })
		tenant := tenantOf(ctx, forger.namespace)
		now, record := metav1.Now(), remediation.Record{}
		for _, node := range []string{"node-2", "node-3"} {
			record.Exclusions = append(record.Exclusions, remediation.Exclusion{
				Node: node, Hostname: node + ".example", Key: remediation.Key{Revision: "r"}, FirstSeen: now, Expires: metav1.NewTime(now.Add(20 * time.Hour)), Strikes: 1,
			})
		}
		Expect(tenant.Create(ctx, &v1alpha1.SchedPatch{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: forger.namespace, Name: "web-remediation", Annotations: map[string]string{v1beta1.RemediationExclusionsAnnotation: record.String()},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: v1beta1.GroupVersion.String(), Kind: "StatefulSet", Name: "web", UID: forger.set.UID, Controller: ptr.To(true)}},
			},
			Spec: v1alpha1.SchedPatchSpec{
				TargetRef:    v1alpha1.TargetReference{APIVersion: v1beta1.GroupVersion.String(), Kind: "StatefulSet", Name: "web"},
				NodeSelector: map[string]string{"kubernetes.io/os": "linux"},
			},
		})).To(Succeed())

		victim := newFixture(ctx, nil)
		victim.bind(ctx, "web-1", "node-2", runs)
		stuck := victim.bind(ctx, "web-0", "node-1", cannotPull)
		victim.uid(ctx, "web-0", stuck)

		lease := &coordinationv1.Lease{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: "default", Name: remediation.LedgerName}, lease)).To(Succeed())
		Expect(lease.Annotations).To(ConsistOf(And(ContainSubstring(victim.namespace+"/web"), Not(ContainSubstring(forger.namespace)))))
	})
})

// tenantOf is somebody with the rights that the chart adds to the role edit, in one namespace.
func tenantOf(ctx SpecContext, namespace string) client.Client {
	GinkgoHelper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tenant"}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"apps.kruise.io"}, Resources: []string{"statefulsets", "statefulsets/scale", "schedpatches"},
		Verbs: []string{"get", "list", "watch", "create", "delete", "deletecollection", "patch", "update"},
	}}}
	Expect(k8s.Create(ctx, role)).To(Succeed())
	Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role.Name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "tenant-of-" + namespace}},
	})).To(Succeed())
	as := rest.CopyConfig(config)
	as.Impersonate = rest.ImpersonationConfig{UserName: "tenant-of-" + namespace}
	tenant, err := client.New(as, client.Options{Scheme: program.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return tenant
}
