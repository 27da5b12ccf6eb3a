// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// fixture is a StatefulSet in a namespace of its own.
type fixture struct {
	set       *v1beta1.StatefulSet
	namespace string
}

// newNamespace makes a namespace for one test. Nobody ends namespaces here, so it stays.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	Expect(k8s.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// prepare makes the namespace of a set web, and the set, but does not create it.
func prepare(ctx context.Context, change func(*build.StatefulSetBuilder)) *fixture {
	GinkgoHelper()
	builder := build.MakeStatefulSet("web")
	if change != nil {
		change(builder)
	}
	f := &fixture{namespace: newNamespace(ctx), set: builder.Obj()}
	f.set.ObjectMeta = metav1.ObjectMeta{Namespace: f.namespace, Name: "web"}
	return f
}

// create creates the set. When the test is over, the set and its Pods go.
func (f *fixture) create(ctx context.Context) *fixture {
	GinkgoHelper()
	Expect(k8s.Create(ctx, f.set)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		f.remove(ctx)
		Expect(k8s.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(f.namespace), client.GracePeriodSeconds(0))).To(Succeed())
	})
	return f
}

// remove deletes the set, whatever finalizers hold it.
func (f *fixture) remove(ctx context.Context) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, f.set))).To(Succeed())
	noFinalizers := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	Expect(client.IgnoreNotFound(k8s.Patch(ctx, f.set.DeepCopy(), noFinalizers))).To(Succeed())
}

// settled creates the set on a node that runs its Pods, and waits until it is done.
func settled(ctx context.Context, change func(*build.StatefulSetBuilder)) *fixture {
	GinkgoHelper()
	f := prepare(ctx, change)
	f.node()
	f.create(ctx)
	f.expectReady(ctx)
	return f
}

// change changes the spec.
func (f *fixture) change(ctx context.Context, change func(*v1beta1.StatefulSetSpec)) {
	GinkgoHelper()
	before := f.set.DeepCopy()
	change(&f.set.Spec)
	Expect(k8s.Patch(ctx, f.set, client.MergeFrom(before))).To(Succeed())
}

func (f *fixture) image(ctx context.Context, image string) {
	GinkgoHelper()
	f.change(ctx, func(s *v1beta1.StatefulSetSpec) { s.Template.Spec.Containers[0].Image = image })
}

// status reads the set's status, once the controller has seen its last change.
func (f *fixture) status(ctx context.Context) func(Gomega) v1beta1.StatefulSetStatus {
	return func(g Gomega) v1beta1.StatefulSetStatus {
		set := &v1beta1.StatefulSet{}
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(f.set), set)).To(Succeed())
		g.Expect(set.Status.ObservedGeneration).To(Equal(set.Generation), "the controller has not seen the last change")
		return set.Status
	}
}

// expectReady waits until the set says that all is done.
func (f *fixture) expectReady(ctx context.Context) v1beta1.StatefulSetStatus {
	GinkgoHelper()
	Eventually(f.status(ctx)).Should(haveCondition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete))
	return f.status(ctx)(Default)
}

// haveCondition matches a status by one of its conditions.
func haveCondition(kind string, status metav1.ConditionStatus, reason string) OmegaMatcher {
	return MatchFields(IgnoreExtras, Fields{"Conditions": ContainElement(
		MatchFields(IgnoreExtras, Fields{"Type": Equal(kind), "Status": Equal(status), "Reason": Equal(reason)}))})
}

// saying matches a status by what the message of one of its conditions contains.
func saying(kind, text string) OmegaMatcher {
	return MatchFields(IgnoreExtras, Fields{"Conditions": ContainElement(
		MatchFields(IgnoreExtras, Fields{"Type": Equal(kind), "Message": ContainSubstring(text)}))})
}

// pods are the Pods of the namespace, by name.
func (f *fixture) pods(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	list := &corev1.PodList{}
	Expect(k8s.List(ctx, list, client.InNamespace(f.namespace))).To(Succeed())
	return list.Items
}

// names are the names of the Pods, sorted.
func (f *fixture) names(ctx context.Context) func() []string {
	return func() []string {
		var out []string
		for _, pod := range f.pods(ctx) {
			out = append(out, pod.Name)
		}
		slices.Sort(out)
		return out
	}
}

// identities tell Pods apart that had the same name one after the other.
func (f *fixture) identities(ctx context.Context) map[string]types.UID {
	GinkgoHelper()
	out := map[string]types.UID{}
	for _, pod := range f.pods(ctx) {
		out[pod.Name] = pod.UID
	}
	return out
}

// versions tell whether anything has been written to a Pod.
func (f *fixture) versions(ctx context.Context) func() map[string]string {
	return func() map[string]string {
		out := map[string]string{}
		for _, pod := range f.pods(ctx) {
			out[fmt.Sprintf("%s %s", pod.Name, pod.UID)] = pod.ResourceVersion
		}
		return out
	}
}
