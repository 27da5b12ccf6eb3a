// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// newSet is a StatefulSet of three Pods with the container app.
func newSet(name string) *v1beta1.StatefulSet {
	labels := map[string]string{"app": name}
	return &v1beta1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: name},
		Spec: v1beta1.StatefulSetSpec{
			Replicas: ptr.To[int32](3),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
			},
		},
	}
}

// withPolicy sets the podUpdatePolicy.
func withPolicy(set *v1beta1.StatefulSet, policy v1beta1.PodUpdatePolicyType) *v1beta1.StatefulSet {
	set.Spec.UpdateStrategy.RollingUpdate = &v1beta1.RollingUpdateStatefulSetStrategy{PodUpdatePolicy: policy}
	return set
}

// expanding adds the claim template data, whose claims are to be expanded.
func expanding(set *v1beta1.StatefulSet, class *string) *v1beta1.StatefulSet {
	set.Spec.VolumeClaimUpdateStrategy.Type = v1beta1.OnPodRollingUpdateVolumeClaimUpdateStrategy
	set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec:       corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: class},
	}}
	return resized(set, "10Gi")
}

func resized(set *v1beta1.StatefulSet, size string) *v1beta1.StatefulSet {
	set.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
	return set
}

// store creates an object and deletes it in the end, protected or not.
func store(ctx SpecContext, object client.Object) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, object)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(k8s.Patch(ctx, object, client.RawPatch("application/merge-patch+json",
			[]byte(`{"metadata": {"labels": {"`+v1beta1.DeleteProtectionLabel+`": null}}}`))))).To(Succeed())
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, object))).To(Succeed())
	})
}

// refusal is what is wrong with an object, without the parts that name it and the webhook.
func refusal(err error) string {
	GinkgoHelper()
	Expect(err).To(HaveOccurred())
	_, reason, found := strings.Cut(err.Error(), " is invalid: ")
	Expect(found).To(BeTrue(), "%v", err)
	return reason
}

// manifestsOfAppsV1 are real-world manifests with the group of ours.
func manifestsOfAppsV1(version string) []*unstructured.Unstructured {
	GinkgoHelper()
	files, err := filepath.Glob("../testdata/apps-v1/*.yaml")
	Expect(err).NotTo(HaveOccurred())
	Expect(files).NotTo(BeEmpty())
	out := make([]*unstructured.Unstructured, 0, len(files))
	for _, file := range files {
		content, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		object := &unstructured.Unstructured{}
		Expect(yaml.Unmarshal(content, &object.Object)).To(Succeed(), file)
		object.SetAPIVersion("apps.kruise.io/" + version)
		object.SetNamespace(shop)
		out = append(out, object)
	}
	return out
}
