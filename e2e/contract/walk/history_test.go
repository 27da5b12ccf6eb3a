// SPDX-License-Identifier: Apache-2.0

package walk

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// history is every version of the objects of some kinds, as the API server stored them.
type history struct {
	mu     sync.Mutex
	events []event
}

// event is a version of an object. Those of all kinds are numbered by one counter.
type event struct {
	version int
	object  *unstructured.Unstructured
	// gone tells that the object was deleted with this version.
	gone bool
}

// record starts a history of what a namespace has of some kinds, "" for objects without one. It begins with what there
// is and goes on until the test ends.
func record(ctx context.Context, namespaces map[schema.GroupVersionKind]string) *history {
	GinkgoHelper()
	h := &history{}
	for kind, namespace := range namespaces {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		Expect(k8s.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		for i := range list.Items {
			h.add(event{version: versionOf(&list.Items[i]), object: &list.Items[i]})
		}
		since := &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}
		life, stop := context.WithCancel(context.Background()) // it outlives the step that starts it
		DeferCleanup(stop)
		watching, err := k8s.Watch(life, list, client.InNamespace(namespace), &client.ListOptions{Raw: since})
		Expect(err).NotTo(HaveOccurred())
		go h.follow(life, watching)
	}
	return h
}

// follow adds what a watch finds.
func (h *history) follow(ctx context.Context, watching watch.Interface) {
	defer GinkgoRecover()
	defer watching.Stop()
	for found := range watching.ResultChan() {
		object, ok := found.Object.(*unstructured.Unstructured)
		if ctx.Err() != nil {
			return
		}
		Expect(ok).To(BeTrue(), "the watch ended too early: %v", found.Object)
		h.add(event{versionOf(object), object, found.Type == watch.Deleted})
	}
}

func versionOf(object client.Object) int {
	GinkgoHelper()
	version, err := strconv.Atoi(object.GetResourceVersion())
	Expect(err).NotTo(HaveOccurred())
	return version
}

func (h *history) add(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// of are the versions of one object so far.
func (h *history) of(object client.Object) []event {
	return slices.DeleteFunc(h.all(), func(e event) bool { return e.object.GetUID() != object.GetUID() || e.gone })
}

// until are the events up to a version.
func (h *history) until(version int) []event {
	return slices.DeleteFunc(h.all(), func(e event) bool { return e.version > version })
}

// all are the events so far, in the order in which they happened.
func (h *history) all() []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(slices.Values(h.events), func(a, b event) int { return cmp.Compare(a.version, b.version) })
}

// complete waits until the history has all that has happened to Pods up to now.
func (h *history) complete(ctx context.Context, namespace string) {
	GinkgoHelper()
	marker := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "marker-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
	Expect(k8s.Create(ctx, marker)).To(Succeed())
	Eventually(func() bool {
		return slices.ContainsFunc(h.all(), func(e event) bool { return e.version == versionOf(marker) })
	}).WithContext(ctx).Should(BeTrue(), "the watch of Pods has not come to the present")
	Expect(k8s.Delete(ctx, marker, client.GracePeriodSeconds(0))).To(Succeed())
}
