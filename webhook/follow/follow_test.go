// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"
)

func named(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// taken keeps what happens to Namespaces.
type taken []string

func (t *taken) into() Into[*corev1.Namespace] {
	return Into[*corev1.Namespace]{
		Put:    func(n *corev1.Namespace) { *t = append(*t, "put "+n.Name) },
		Delete: func(n *corev1.Namespace) { *t = append(*t, "delete "+n.Name) },
	}
}

func TestEventsAreTakenIn(t *testing.T) {
	for name, test := range map[string]struct {
		event func(toolscache.ResourceEventHandler)
		want  taken
	}{
		"a new object":         {func(h toolscache.ResourceEventHandler) { h.OnAdd(named("n"), false) }, taken{"put n"}},
		"a change":             {func(h toolscache.ResourceEventHandler) { h.OnUpdate(named("old"), named("n")) }, taken{"put n"}},
		"a deletion":           {func(h toolscache.ResourceEventHandler) { h.OnDelete(named("n")) }, taken{"delete n"}},
		"one not heard of":     {func(h toolscache.ResourceEventHandler) { h.OnDelete(missed(named("n"))) }, taken{"delete n"}},
		"one of nobody knows":  {func(h toolscache.ResourceEventHandler) { h.OnDelete(missed(nil)) }, nil},
		"one of another kind":  {func(h toolscache.ResourceEventHandler) { h.OnDelete(&corev1.Pod{}) }, nil},
		"an add of other kind": {func(h toolscache.ResourceEventHandler) { h.OnAdd(&corev1.Pod{}, true) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got taken
			test.event(got.into().handlers())
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("taken in (-want +got):\n%s", diff)
			}
		})
	}
}

func missed(object any) toolscache.DeletedFinalStateUnknown {
	return toolscache.DeletedFinalStateUnknown{Key: "n", Obj: object}
}

func TestAWatchSaysWhatIsStillBeingRead(t *testing.T) {
	for name, test := range map[string]struct {
		synced bool
		want   string
	}{
		"still being read": {false, "Namespaces are still being read"},
		"all known":        {true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			informer := controllertest.NewFakeInformer()
			if test.synced {
				informer.Synced()
			}
			c := &informertest.FakeInformers{InformersByGVK: map[schema.GroupVersionKind]toolscache.SharedIndexInformer{
				corev1.SchemeGroupVersion.WithKind("Namespace"): informer,
			}}
			started, err := Start(t.Context(), c, "Namespaces", &corev1.Namespace{}, new(taken).into())
			if err != nil {
				t.Fatal(err)
			}
			cached, err := Cached(t.Context(), c, "Namespaces", &corev1.Namespace{})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range []*Watch{started, cached} {
				if diff := cmp.Diff(test.want, textOf(w.Check(nil))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
