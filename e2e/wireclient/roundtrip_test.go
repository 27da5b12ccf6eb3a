// SPDX-License-Identifier: Apache-2.0

package wireclient

import (
	"context"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/retry"
)

// typed is what every client of one kind can do.
type typed[T, L runtime.Object] interface {
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Get(context.Context, string, metav1.GetOptions) (T, error)
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
	UpdateStatus(context.Context, T, metav1.UpdateOptions) (T, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
}

// parts reads and changes an object of one kind.
type parts[T runtime.Object] struct {
	spec, status func(T) any
	// copyStatus gives an object the status of another.
	copyStatus func(to, from T)
	// change changes one field of the spec.
	change func(T)
}

// roundTrip takes a filled object through everything that the client can do, and expects its spec and status back whole
// each time.
func roundTrip[T, L runtime.Object](ctx context.Context, api typed[T, L], full T, p parts[T]) {
	GinkgoHelper()
	name := nameOf(full)
	watcher, err := api.Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	Expect(err).NotTo(HaveOccurred())
	defer watcher.Stop()

	By("creating")
	created, err := api.Create(ctx, full.DeepCopyObject().(T), metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(api.Delete(ctx, name, metav1.DeleteOptions{})).To(Succeed())
	})
	expectEqual(p.spec(created), p.spec(full))

	By("watching")
	var event watch.Event
	Eventually(ctx, watcher.ResultChan()).Should(Receive(&event))
	Expect(event.Type).To(Equal(watch.Added))
	expectEqual(p.spec(event.Object.(T)), p.spec(full))

	By("getting and listing")
	got, err := api.Get(ctx, name, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	expectEqual(p.spec(got), p.spec(full))
	expectEqual(p.spec(onlyItem[T](ctx, api, name)), p.spec(full))

	By("writing the status")
	Expect(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		latest, err := api.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		p.copyStatus(latest, full)
		written, err := api.UpdateStatus(ctx, latest, metav1.UpdateOptions{})
		if err == nil {
			expectEqual(p.status(written), p.status(full))
			expectEqual(p.spec(written), p.spec(full))
		}
		return err
	})).To(Succeed())

	By("updating the spec")
	want := full.DeepCopyObject().(T)
	p.change(want)
	Expect(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		latest, err := api.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		p.change(latest)
		written, err := api.Update(ctx, latest, metav1.UpdateOptions{})
		if err == nil {
			expectEqual(p.spec(written), p.spec(want))
		}
		return err
	})).To(Succeed())
}

func onlyItem[T, L runtime.Object](ctx context.Context, api typed[T, L], name string) T {
	GinkgoHelper()
	list, err := api.List(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	Expect(err).NotTo(HaveOccurred())
	items, err := meta.ExtractList(list)
	Expect(err).NotTo(HaveOccurred())
	Expect(items).To(HaveLen(1))
	return items[0].(T)
}

// expectEqual compares as Kubernetes does: quantities and times by their meaning, empty and absent lists alike.
func expectEqual(got, want any) {
	GinkgoHelper()
	if !apiequality.Semantic.DeepEqual(want, got) {
		Fail("lost or changed on the way (-want +got):\n" + cmp.Diff(want, got))
	}
}

func nameOf(object runtime.Object) string {
	GinkgoHelper()
	accessor, err := meta.Accessor(object)
	Expect(err).NotTo(HaveOccurred())
	return accessor.GetName()
}
