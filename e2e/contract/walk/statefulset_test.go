// SPDX-License-Identifier: Apache-2.0

package walk

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

var (
	podKind         = corev1.SchemeGroupVersion.WithKind("Pod")
	statefulSetKind = v1beta1.GroupVersion.WithKind("StatefulSet")
)

// newNamespace makes a namespace for one test. Nobody ends namespaces here, so it stays.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "walk-"}}
	Expect(k8s.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// settings are what of a set's spec changes on a walk.
type settings struct {
	replicas, partition int32
	image               string
	paused              bool
}

func (s settings) apply(spec *v1beta1.StatefulSetSpec) {
	spec.Replicas, spec.Template.Spec.Containers[0].Image = &s.replicas, s.image
	spec.UpdateStrategy.RollingUpdate.Partition, spec.UpdateStrategy.RollingUpdate.Paused = &s.partition, s.paused
}

// leg is a change of a set, and how tools read it once the operator is done.
type leg struct {
	what string
	to   settings
	want reading
}

var (
	complete    = reading{"Current", "Healthy", "Healthy"}
	resting     = reading{"Current", "Suspended", "Suspended"}
	atPartition = reading{"Current", "Suspended", "Progressing"}
)

var _ = DescribeTable("A StatefulSet is taken for done only when it is",
	func(ctx SpecContext, change func(*build.StatefulSetBuilder), legs ...leg) {
		namespace := newNamespace(ctx)
		builder := build.MakeStatefulSet("web")
		change(builder)
		set := builder.Obj()
		set.ObjectMeta, set.Status = metav1.ObjectMeta{Namespace: namespace, Name: "web"}, v1beta1.StatefulSetStatus{}
		h := record(ctx, map[schema.GroupVersionKind]string{statefulSetKind: namespace, podKind: namespace})
		node(namespace, set)
		legs[0].to.apply(&set.Spec)
		Expect(k8s.Create(ctx, set)).To(Succeed())
		for i, leg := range legs {
			if i > 0 {
				before := set.DeepCopy()
				leg.to.apply(&set.Spec)
				Expect(k8s.Patch(ctx, set, client.MergeFrom(before))).To(Succeed())
			}
			expectReading(ctx, set, leg.want, leg.what)
		}
		h.complete(ctx, namespace)
		expectTruth(h, set, wrongPods)
	},
	Entry("one Pod after the other", func(*build.StatefulSetBuilder) {},
		leg{"start", settings{replicas: 3, image: "app:1"}, complete},
		leg{"a new image", settings{replicas: 3, image: "app:2"}, complete},
		leg{"scaled up", settings{replicas: 4, image: "app:2"}, complete},
		leg{"scaled down", settings{replicas: 2, image: "app:2"}, complete},
		leg{"scaled to nothing", settings{replicas: 0, image: "app:2"}, complete},
	),
	Entry("several at once", func(b *build.StatefulSetBuilder) { b.Parallel().MaxUnavailable("2") },
		leg{"start", settings{replicas: 3, image: "app:1"}, complete},
		leg{"a new image and more Pods", settings{replicas: 5, image: "app:2"}, complete},
		leg{"a new image and fewer Pods", settings{replicas: 2, image: "app:3"}, complete},
	),
	Entry("in place, paused on the way", func(b *build.StatefulSetBuilder) { b.InPlace() },
		leg{"start", settings{replicas: 3, image: "app:1"}, complete},
		leg{"a new image", settings{replicas: 3, image: "app:2"}, complete},
		leg{"a new image that waits", settings{replicas: 3, image: "app:3", paused: true}, resting},
		leg{"one more Pod meanwhile", settings{replicas: 4, image: "app:3", paused: true}, resting},
		leg{"resumed", settings{replicas: 4, image: "app:3"}, complete},
	),
	Entry("as far as a partition", func(b *build.StatefulSetBuilder) { b.InPlace() },
		leg{"start", settings{replicas: 3, image: "app:1"}, complete},
		leg{"two of three", settings{replicas: 3, image: "app:2", partition: 1}, atPartition},
		leg{"the last one", settings{replicas: 3, image: "app:2"}, complete},
	),
)

// expectReading waits until tools read the latest version of an object like this.
func expectReading(ctx context.Context, object client.Object, want reading, what string) {
	GinkgoHelper()
	kind, err := k8s.GroupVersionKindFor(object)
	Expect(err).NotTo(HaveOccurred())
	r := readerOf(kind.Kind)
	Eventually(func(g Gomega) reading {
		fresh := &unstructured.Unstructured{}
		fresh.SetGroupVersionKind(kind)
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(object), fresh)).To(Succeed())
		return r.read(fresh)
	}).WithContext(ctx).Should(Equal(want), what)
}

// wrongPods says in which ways the Pods are not what a version of their set asks for. A set that rests may have Pods
// with another image.
func wrongPods(before []event, object *unstructured.Unstructured) (wrongs []string) {
	set := &v1beta1.StatefulSet{}
	Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, set)).To(Succeed())
	_, reason := condition(object, "Ready")
	pods := podsAt(before)
	for ordinal := range ptr.Deref(set.Spec.Replicas, 1) {
		name := fmt.Sprintf("web-%d", ordinal)
		pod := pods[name]
		delete(pods, name)
		if pod == nil {
			wrongs = append(wrongs, name+" is missing")
			continue
		}
		if wrong := wrongPod(pod, set.Spec.Template.Spec.Containers[0].Image, reason != v1beta1.ReasonComplete); wrong != "" {
			wrongs = append(wrongs, name+" "+wrong)
		}
	}
	for name := range pods {
		wrongs = append(wrongs, name+" is not wanted")
	}
	return wrongs
}

func wrongPod(pod *corev1.Pod, image string, rests bool) string {
	switch {
	case pod.DeletionTimestamp != nil:
		return "is going"
	case pod.Spec.Containers[0].Image != image && !rests:
		return "has image " + pod.Spec.Containers[0].Image
	case !runs(pod):
		return "does not run its images"
	case !is(pod, corev1.PodReady):
		return "is not ready"
	}
	return ""
}

// podsAt are the Pods of sets as of the last of some events, by name.
func podsAt(events []event) map[string]*corev1.Pod {
	pods := map[string]*corev1.Pod{}
	for _, e := range events {
		if e.object.GetKind() != podKind.Kind || e.object.GetLabels()["app"] == "" {
			continue
		}
		if e.gone {
			delete(pods, e.object.GetName())
			continue
		}
		pod := &corev1.Pod{}
		Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(e.object.Object, pod)).To(Succeed())
		pods[pod.Name] = pod
	}
	return pods
}
