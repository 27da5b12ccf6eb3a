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
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// fixture is a namespace with workloads and SchedPatches in it.
type fixture struct{ namespace string }

var fixtures int

func newFixture(ctx context.Context, labels map[string]string) *fixture {
	GinkgoHelper()
	fixtures++
	f := &fixture{namespace: fmt.Sprintf("ns-%d", fixtures)}
	Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.namespace, Labels: labels}})).To(Succeed())
	return f
}

// patch creates a SchedPatch, p, of Deployment cart, which demands zone a.
func (f *fixture) patch(ctx context.Context, change func(*v1alpha1.SchedPatch)) *v1alpha1.SchedPatch {
	GinkgoHelper()
	object := &v1alpha1.SchedPatch{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: "p"},
		Spec: v1alpha1.SchedPatchSpec{
			TargetRef:    v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "cart"},
			NodeSelector: map[string]string{"zone": "a"},
		},
	}
	if change != nil {
		change(object)
	}
	Expect(k8s.Create(ctx, object)).To(Succeed())
	return object
}

func (f *fixture) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: f.namespace, Name: name}
}

var labels = map[string]string{"app": "cart"}

func template(nodeSelector map[string]string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{NodeSelector: nodeSelector, Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
}

func (f *fixture) deployment(nodeSelector map[string]string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: f.meta("cart"), Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template(nodeSelector)}}
}

func (f *fixture) replicaSet(name string) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{ObjectMeta: f.meta(name), Spec: appsv1.ReplicaSetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template(nil)}}
}

func (f *fixture) statefulSet() *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: f.meta("cart"), Spec: appsv1.StatefulSetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template(nil)}}
}

func (f *fixture) advancedStatefulSet() *v1beta1.StatefulSet {
	set := &v1beta1.StatefulSet{ObjectMeta: f.meta("cart")}
	set.Spec.Selector, set.Spec.Template = &metav1.LabelSelector{MatchLabels: labels}, template(nil)
	return set
}

func (f *fixture) job(name string) *batchv1.Job {
	job := &batchv1.Job{ObjectMeta: f.meta(name), Spec: batchv1.JobSpec{Template: template(nil)}}
	job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return job
}

func (f *fixture) cronJob() *batchv1.CronJob {
	job := f.job("cart")
	return &batchv1.CronJob{ObjectMeta: f.meta("cart"), Spec: batchv1.CronJobSpec{
		Schedule: "@daily", JobTemplate: batchv1.JobTemplateSpec{Spec: job.Spec}}}
}

// create makes an object that is controlled by another, or by none.
func create[T client.Object](ctx context.Context, object T, owner client.Object) T {
	GinkgoHelper()
	own(object, owner)
	Expect(k8s.Create(ctx, object)).To(Succeed())
	return object
}

func own(object, owner client.Object) {
	if owner == nil {
		return
	}
	gvk, err := k8s.GroupVersionKindFor(owner)
	Expect(err).NotTo(HaveOccurred())
	object.SetOwnerReferences([]metav1.OwnerReference{*ownerReference(gvk, owner)})
}

func ownerReference(gvk schema.GroupVersionKind, owner client.Object) *metav1.OwnerReference {
	return &metav1.OwnerReference{APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Name: owner.GetName(), UID: owner.GetUID(),
		Controller: ptr.To(true)}
}

// pod creates a Pod of an owner, with these patches or without any.
func (f *fixture) pod(ctx context.Context, name string, owner client.Object, patches string, change ...func(*corev1.Pod)) *corev1.Pod {
	GinkgoHelper()
	template := template(nil)
	pod := &corev1.Pod{ObjectMeta: f.meta(name), Spec: template.Spec}
	pod.Labels = labels
	if patches != "" {
		pod.Annotations = map[string]string{v1beta1.SchedPatchesAnnotation: patches}
	}
	for _, c := range change {
		c(pod)
	}
	return create(ctx, pod, owner)
}

// report is a status in short.
type report struct {
	Matched, Patched, Skipped int32
	Ready                     string
}

// status reads the status once the controller has seen the last change.
func (f *fixture) status(ctx context.Context) func(Gomega) v1alpha1.SchedPatchStatus {
	return func(g Gomega) v1alpha1.SchedPatchStatus {
		object := &v1alpha1.SchedPatch{}
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: "p"}, object)).To(Succeed())
		g.Expect(object.Status.ObservedGeneration).To(Equal(object.Generation), "the controller has not seen the last change")
		return object.Status
	}
}

func (f *fixture) report(ctx context.Context) func(Gomega) report {
	return func(g Gomega) report {
		status := f.status(ctx)(g)
		ready := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		return report{status.MatchedPods, status.PatchedPods, status.SkippedPods, string(ready.Status) + " " + ready.Reason}
	}
}
