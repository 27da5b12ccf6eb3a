// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// plainManifest is a StatefulSet of Kubernetes itself.
const plainManifest = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 2
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: app
          image: registry.example/app:1
          ports: [{containerPort: 80}]
          readinessProbe: {httpGet: {path: /, port: 80}}
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

// orphan leaves in the fixture's namespace what remains of the manifest's set when it is deleted with --cascade=orphan:
// claims, Pods and a revision, as kube-controller-manager makes them, without their owner.
func (f *fixture) orphan(ctx context.Context) (revision string) {
	GinkgoHelper()
	plain := &appsv1.StatefulSet{}
	Expect(yaml.UnmarshalStrict([]byte(plainManifest), plain)).To(Succeed())
	plain.Namespace = f.namespace
	Expect(k8s.Create(ctx, plain)).To(Succeed()) // the API server fills the template in
	revision = f.orphanRevision(ctx, plain)
	for ordinal := range int(*plain.Spec.Replicas) {
		f.orphanClaim(ctx, plain, ordinal)
		f.orphanPod(ctx, plain, ordinal, revision)
	}
	Expect(k8s.Delete(ctx, plain)).To(Succeed())
	return revision
}

func (f *fixture) orphanRevision(ctx context.Context, plain *appsv1.StatefulSet) string {
	GinkgoHelper()
	encoded, err := json.Marshal(plain.Spec.Template)
	Expect(err).NotTo(HaveOccurred())
	template := map[string]any{}
	Expect(json.Unmarshal(encoded, &template)).To(Succeed())
	template["$patch"] = "replace"
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"template": template}})
	Expect(err).NotTo(HaveOccurred())
	revision := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: f.namespace, Name: "web-5f8c6d9b7d", Labels: map[string]string{"app": "web", "controller.kubernetes.io/hash": "5f8c6d9b7d"},
		},
		Revision: 1,
	}
	revision.Data.Raw = data
	Expect(k8s.Create(ctx, revision)).To(Succeed())
	return revision.Name
}

func (f *fixture) orphanClaim(ctx context.Context, plain *appsv1.StatefulSet, ordinal int) {
	GinkgoHelper()
	claim := plain.Spec.VolumeClaimTemplates[0].DeepCopy()
	claim.ObjectMeta = metav1.ObjectMeta{
		Namespace: f.namespace, Name: fmt.Sprintf("data-web-%d", ordinal), Labels: map[string]string{"app": "web"},
	}
	claim.Status = corev1.PersistentVolumeClaimStatus{}
	Expect(k8s.Create(ctx, claim)).To(Succeed())
	claim.Status.Phase = corev1.ClaimBound
	claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	Expect(k8s.Status().Update(ctx, claim)).To(Succeed())
}

func (f *fixture) orphanPod(ctx context.Context, plain *appsv1.StatefulSet, ordinal int, revision string) {
	GinkgoHelper()
	name := fmt.Sprintf("web-%d", ordinal)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: f.namespace, Name: name, GenerateName: "web-",
			Labels: map[string]string{
				"app": "web", appsv1.ControllerRevisionHashLabelKey: revision,
				appsv1.StatefulSetPodNameLabel: name, appsv1.PodIndexLabel: fmt.Sprint(ordinal),
			},
		},
		Spec: *plain.Spec.Template.Spec.DeepCopy(),
	}
	pod.Spec.Hostname, pod.Spec.Subdomain = name, "web"
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-" + name},
	}})
	Expect(k8s.Create(ctx, pod)).To(Succeed())
	f.run(ctx, name)
}

// claims tell claims apart that had the same name one after the other.
func (f *fixture) claims(ctx context.Context) map[string]types.UID {
	GinkgoHelper()
	list := &corev1.PersistentVolumeClaimList{}
	Expect(k8s.List(ctx, list, client.InNamespace(f.namespace))).To(Succeed())
	out := map[string]types.UID{}
	for i := range list.Items {
		out[list.Items[i].Name] = list.Items[i].UID
	}
	return out
}

var _ = Describe("The orphans of a deleted apps/v1 StatefulSet", func() {
	var f *fixture
	var revision string
	var pods, claims map[string]types.UID
	BeforeEach(func(ctx SpecContext) {
		f = &fixture{namespace: newNamespace(ctx)}
		revision = f.orphan(ctx)
		pods, claims = f.identities(ctx), f.claims(ctx)
		f.set = &v1beta1.StatefulSet{}
		Expect(yaml.Unmarshal([]byte(plainManifest), f.set)).To(Succeed())
		f.set.APIVersion, f.set.Namespace = "", f.namespace // the apiVersion is all that changes
	})

	It("are adopted with their claims and their revision, and not restarted", func(ctx SpecContext) {
		f.create(ctx)
		status := f.expectReady(ctx)
		Expect(status.UpdateRevision).To(Equal(revision))
		Expect(f.revisions(ctx)).To(HaveLen(1))
		Expect(f.identities(ctx)).To(Equal(pods))
		Expect(f.claims(ctx)).To(Equal(claims))
		for _, pod := range f.pods(ctx) {
			Expect(metav1.GetControllerOf(&pod)).To(HaveValue(And(HaveField("UID", f.set.UID), HaveField("APIVersion", v1beta1.GroupVersion.String()))))
			Expect(pod.Status.ContainerStatuses[0].RestartCount).To(BeZero())
		}
	})

	It("are what a new image is rolled out from", func(ctx SpecContext) {
		f.set.Spec.Template.Spec.Containers[0].Image = "registry.example/app:2"
		f.node()
		f.create(ctx)
		status := f.expectReady(ctx)
		Expect(status.UpdateRevision).NotTo(Equal(revision))
		Expect(f.revisions(ctx)).To(And(HaveLen(2), HaveKey(revision)))
		Expect(f.claims(ctx)).To(Equal(claims))
		for name, uid := range f.identities(ctx) {
			Expect(uid).NotTo(Equal(pods[name]), name)
		}
	})

	It("beyond the replicas are adopted too, and go as scaling down has it", func(ctx SpecContext) {
		f.set.Spec.Replicas = ptr.To[int32](1)
		f.node()
		f.create(ctx)
		f.expectReady(ctx)
		Expect(f.identities(ctx)).To(Equal(map[string]types.UID{"web-0": pods["web-0"]}))
		Expect(f.claims(ctx)).To(Equal(claims), "claims are retained")
	})
})

var _ = Describe("A Pod of the set whose labels are changed", func() {
	It("is let go, and blocks its ordinal until it is gone", func(ctx SpecContext) {
		f := settled(ctx, nil)
		uid := f.pod(ctx, "web-1").UID
		f.merge(ctx, "web-1", `{"metadata":{"labels":{"app":"debugging"}}}`)
		Eventually(func() *metav1.OwnerReference { return metav1.GetControllerOf(f.pod(ctx, "web-1")) }).Should(BeNil())
		Eventually(f.status(ctx)).Should(haveCondition(v1beta1.ConditionScaling, metav1.ConditionTrue, v1beta1.ReasonScaleBlocked))
		Expect(f.pod(ctx, "web-1").UID).To(Equal(uid))

		f.merge(ctx, "web-1", `{"metadata":{"labels":{"app":"web"}}}`)
		f.expectReady(ctx)
		Expect(f.pod(ctx, "web-1").UID).To(Equal(uid), "it was adopted again")
	})
})
