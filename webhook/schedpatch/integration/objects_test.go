// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/program"
)

var (
	podLabels = map[string]string{"app": "cart"}
	selector  = &metav1.LabelSelector{MatchLabels: podLabels}
	template  = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: podLabels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
)

// newNamespace makes a namespace for one spec.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(k8s.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// made creates an object the way a controller does: owned by the other one.
func made[T client.Object](ctx context.Context, object T, owner client.Object) T {
	GinkgoHelper()
	if owner != nil {
		Expect(controllerutil.SetControllerReference(owner, object, program.Scheme())).To(Succeed())
	}
	Expect(k8s.Create(ctx, object)).To(Succeed())
	gvk, err := apiutil.GVKForObject(object, program.Scheme())
	Expect(err).NotTo(HaveOccurred())
	object.GetObjectKind().SetGroupVersionKind(gvk)
	return object
}

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func deployment(namespace string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: meta(namespace, "cart"), Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}}
}

func replicaSet(namespace, name string) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{ObjectMeta: meta(namespace, name), Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}}
}

func job(namespace string) *batchv1.Job {
	spec := *template.DeepCopy()
	spec.Spec.RestartPolicy = corev1.RestartPolicyNever
	return &batchv1.Job{ObjectMeta: meta(namespace, "night-1"), Spec: batchv1.JobSpec{Template: spec}}
}

func cronJob(namespace string) *batchv1.CronJob {
	return &batchv1.CronJob{ObjectMeta: meta(namespace, "night"), Spec: batchv1.CronJobSpec{
		Schedule: "0 3 * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: job(namespace).Spec},
	}}
}

func statefulSet(namespace string) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: meta(namespace, "db"), Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}}
}

func ourStatefulSet(namespace string) *v1beta1.StatefulSet {
	return &v1beta1.StatefulSet{ObjectMeta: meta(namespace, "db"), Spec: v1beta1.StatefulSetSpec{Selector: selector, Template: template}}
}

// newPod makes a Pod from the template, as the owner's controller does.
func newPod(namespace string, owner client.Object) *corev1.Pod {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "cart-", Labels: podLabels},
		Spec: *template.Spec.DeepCopy()}
	if owner != nil {
		Expect(controllerutil.SetControllerReference(owner, pod, program.Scheme())).To(Succeed())
	}
	return pod
}

// created creates a Pod of the owner.
func created(ctx context.Context, namespace string, owner client.Object, options ...client.CreateOption) *corev1.Pod {
	GinkgoHelper()
	pod := newPod(namespace, owner)
	Expect(k8s.Create(ctx, pod, options...)).To(Succeed())
	return pod
}

// ssd is a patch that puts Pods of the target onto nodes with such disks.
func ssd(namespace, name string, target v1alpha1.TargetReference) *v1alpha1.SchedPatch {
	return &v1alpha1.SchedPatch{ObjectMeta: meta(namespace, name), Spec: v1alpha1.SchedPatchSpec{
		TargetRef: target, NodeSelector: map[string]string{"disk": "ssd"},
	}}
}

func targetCart() v1alpha1.TargetReference {
	return v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "cart"}
}

// applied creates a patch, or stores its change, and waits until the webhook serves it.
func applied(ctx context.Context, patch *v1alpha1.SchedPatch) *v1alpha1.SchedPatch {
	GinkgoHelper()
	if patch.UID == "" {
		Expect(k8s.Create(ctx, patch)).To(Succeed())
	} else {
		Expect(k8s.Update(ctx, patch)).To(Succeed())
	}
	Eventually(func() error {
		seen := known.Get(client.ObjectKeyFromObject(patch))
		if seen == nil || seen.Object.UID != patch.UID || seen.Object.Generation != patch.Generation {
			return fmt.Errorf("the webhook does not know generation %d of %s", patch.Generation, patch.Name)
		}
		return nil
	}, patience).Should(Succeed())
	return patch
}

// bePatched is a Pod that carries a patch by all three: rule, annotation and label.
func bePatched(patch *v1alpha1.SchedPatch) OmegaMatcher {
	hash := known.Get(client.ObjectKeyFromObject(patch)).Hash()
	return SatisfyAll(
		HaveField("Spec.NodeSelector", HaveKeyWithValue("disk", "ssd")),
		HaveField("Annotations", HaveKeyWithValue("apps.kruise.io/sched-patches", patch.Name+"@"+hash)),
		HaveField("Labels", HaveKeyWithValue("sched-patch.apps.kruise.io/"+patch.Name, hash)),
	)
}

// beUntouched is a Pod as its template makes it.
func beUntouched() OmegaMatcher {
	return SatisfyAll(
		HaveField("Spec.NodeSelector", BeEmpty()), HaveField("Annotations", BeEmpty()), HaveField("Labels", Equal(podLabels)),
	)
}
