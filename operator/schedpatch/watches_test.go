// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// drain returns the names that were enqueued, sorted.
func drain(send func(queue)) []string {
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	send(q)
	var out []string
	for q.Len() > 0 {
		request, _ := q.Get()
		out = append(out, request.Name)
	}
	slices.Sort(out)
	return out
}

func targeting(kind, name string) func(*v1alpha1.SchedPatch) {
	return func(o *v1alpha1.SchedPatch) { o.Spec.TargetRef.Kind, o.Spec.TargetRef.Name = kind, name }
}

// knowing registers patches as their watch does.
func knowing(patches ...*v1alpha1.SchedPatch) *registry {
	known := newRegistry()
	for _, patch := range patches {
		drain(func(q queue) { patchHandler{known}.Create(context.Background(), event.CreateEvent{Object: patch}, q) })
	}
	return known
}

func controlled[T client.Object](object T, kind, name string) T {
	object.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: "u", Controller: ptr.To(true)}})
	return object
}

func TestPatchEvents(t *testing.T) {
	ctx := context.Background()
	old := makePatch()
	for name, test := range map[string]struct {
		send func(patchHandler, queue)
		want []string
	}{
		"a new patch, with the others of its target": {
			func(h patchHandler, q queue) { h.Create(ctx, event.CreateEvent{Object: old}, q) }, []string{"shown", "zoned"}},
		"another spec": {
			func(h patchHandler, q queue) {
				h.Update(ctx, event.UpdateEvent{ObjectOld: old, ObjectNew: makePatch(func(o *v1alpha1.SchedPatch) { o.Generation = 2 })}, q)
			}, []string{"shown", "zoned"}},
		"another target concerns the others of both": {
			func(h patchHandler, q queue) {
				moved := makePatch(targeting("Deployment", "pay"), func(o *v1alpha1.SchedPatch) { o.Generation = 2 })
				h.Update(ctx, event.UpdateEvent{ObjectOld: old, ObjectNew: moved}, q)
			}, []string{"shown", "shown-pay", "zoned"}},
		"our own status": {
			func(h patchHandler, q queue) {
				h.Update(ctx, event.UpdateEvent{ObjectOld: old, ObjectNew: makePatch(func(o *v1alpha1.SchedPatch) { o.Status.MatchedPods = 3 })}, q)
			}, nil},
		"the end of a patch": {
			func(h patchHandler, q queue) { h.Delete(ctx, event.DeleteEvent{Object: old}, q) }, []string{"shown", "zoned"}},
	} {
		t.Run(name, func(t *testing.T) {
			known := knowing(makePatch(named("shown"), preview), makePatch(named("shown-pay"), targeting("Deployment", "pay")))
			got := drain(func(q queue) { test.send(patchHandler{known}, q) })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("enqueued (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPodEvents(t *testing.T) {
	ctx := context.Background()
	owned := func(name string) *corev1.Pod { return controlled(patched(name, time.Minute), "ReplicaSet", "cart-1") }
	changed := func(change func(*corev1.Pod)) *corev1.Pod {
		pod := owned("a")
		change(pod)
		return pod
	}
	for name, test := range map[string]struct {
		send func(podHandler, queue)
		want []string
	}{
		"a Pod comes": {
			func(h podHandler, q queue) { h.Create(ctx, event.CreateEvent{Object: owned("a")}, q) }, []string{"zoned"}},
		"a Pod goes": {
			func(h podHandler, q queue) { h.Delete(ctx, event.DeleteEvent{Object: owned("a")}, q) }, []string{"zoned"}},
		"a Pod of another owner": {
			func(h podHandler, q queue) {
				h.Create(ctx, event.CreateEvent{Object: controlled(pod("b", 0).Obj(), "ReplicaSet", "other")}, q)
			}, nil},
		"a Pod without an owner is a copy": {
			func(h podHandler, q queue) { h.Create(ctx, event.CreateEvent{Object: patched("b", 0)}, q) }, nil},
		"a Pod of a namespace without patches": {
			func(h podHandler, q queue) {
				h.Create(ctx, event.CreateEvent{Object: controlled(pod("b", 0).Namespace("elsewhere").Obj(), "ReplicaSet", "cart-1")}, q)
			}, nil},
		"readiness is no concern": {
			func(h podHandler, q queue) {
				h.Update(ctx, event.UpdateEvent{ObjectOld: owned("a"), ObjectNew: changed(func(p *corev1.Pod) { p.Status.Conditions = nil })}, q)
			}, nil},
		"a Pod gets its node": {
			func(h podHandler, q queue) {
				h.Update(ctx, event.UpdateEvent{ObjectOld: owned("a"), ObjectNew: changed(func(p *corev1.Pod) { p.Spec.NodeName = "n" })}, q)
			}, []string{"zoned"}},
		"a Pod ends": {
			func(h podHandler, q queue) {
				h.Update(ctx, event.UpdateEvent{ObjectOld: owned("a"),
					ObjectNew: changed(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })}, q)
			}, []string{"zoned"}},
		"a Pod in place of another of its name is a new one": {
			func(h podHandler, q queue) {
				h.Update(ctx, event.UpdateEvent{ObjectOld: owned("a"), ObjectNew: changed(func(p *corev1.Pod) { p.UID = "new" })}, q)
			}, []string{"zoned"}},
	} {
		t.Run(name, func(t *testing.T) {
			object := makePatch(targeting("ReplicaSet", "cart-1"))
			handler := podHandler{knowing(object), &owners{followed: map[schema.GroupKind]followed{}}}
			got := drain(func(q queue) { test.send(handler, q) })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("enqueued (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOwnerEvents(t *testing.T) {
	ctx := context.Background()
	owner := func(kind, name string, generation int64) *metav1.PartialObjectMetadata {
		object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: "u", Generation: generation}}
		object.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: kind})
		return object
	}
	handler := ownerHandler{knowing(makePatch(), makePatch(named("direct"), targeting("ReplicaSet", "cart-1")))}
	for name, test := range map[string]struct {
		send func(queue)
		want []string
	}{
		"the target comes": {
			func(q queue) {
				handler.Create(ctx, event.TypedCreateEvent[*metav1.PartialObjectMetadata]{Object: owner("Deployment", "cart", 1)}, q)
			}, []string{"zoned"}},
		"an owner of Pods comes, for its own patches and those of its controller": {
			func(q queue) {
				handler.Create(ctx, event.TypedCreateEvent[*metav1.PartialObjectMetadata]{
					Object: controlled(owner("ReplicaSet", "cart-1", 1), "Deployment", "cart")}, q)
			}, []string{"direct", "zoned"}},
		"the template changes": {
			func(q queue) {
				handler.Update(ctx, event.TypedUpdateEvent[*metav1.PartialObjectMetadata]{ObjectOld: owner("Deployment", "cart", 1),
					ObjectNew: owner("Deployment", "cart", 2)}, q)
			}, []string{"zoned"}},
		"the status changes": {
			func(q queue) {
				handler.Update(ctx, event.TypedUpdateEvent[*metav1.PartialObjectMetadata]{ObjectOld: owner("Deployment", "cart", 1),
					ObjectNew: owner("Deployment", "cart", 1)}, q)
			}, nil},
		"an owner is released": {
			func(q queue) {
				handler.Update(ctx, event.TypedUpdateEvent[*metav1.PartialObjectMetadata]{
					ObjectOld: controlled(owner("ReplicaSet", "x", 1), "Deployment", "cart"), ObjectNew: owner("ReplicaSet", "x", 1)}, q)
			}, []string{"zoned"}},
		"the target goes": {
			func(q queue) {
				handler.Delete(ctx, event.TypedDeleteEvent[*metav1.PartialObjectMetadata]{Object: owner("Deployment", "cart", 1)}, q)
			}, []string{"zoned"}},
		"another kind of the same name": {
			func(q queue) {
				handler.Create(ctx, event.TypedCreateEvent[*metav1.PartialObjectMetadata]{Object: owner("StatefulSet", "cart", 1)}, q)
			}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, drain(test.send)); diff != "" {
				t.Errorf("enqueued (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNodesAndNamespacesConcernOnlyWhatLooksAtThem(t *testing.T) {
	ctx := context.Background()
	tolerating := func(o *v1alpha1.SchedPatch) {
		o.Spec.NodeSelector, o.Spec.Tolerations = nil, []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
	}
	known := knowing(makePatch(), makePatch(named("shown"), preview, tolerating), makePatch(named("tolerating"), tolerating))
	nodes, namespaces := nodeHandler{known}, namespaceHandler{known}
	update := func(before, after *corev1.Node) func(queue) {
		return func(q queue) {
			nodes.Update(ctx, event.TypedUpdateEvent[*corev1.Node]{ObjectOld: before, ObjectNew: after}, q)
		}
	}
	labelled := func(value string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default", Labels: map[string]string{v1beta1.InjectionLabel: value}}}
	}
	cordoned := node("n", nil)
	cordoned.Spec.Unschedulable = true
	beating := node("n", nil)
	beating.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady}}
	for name, test := range map[string]struct {
		send func(queue)
		want []string
	}{
		"a node that comes": {func(q queue) { nodes.Create(ctx, event.TypedCreateEvent[*corev1.Node]{Object: node("n", nil)}, q) },
			[]string{"shown", "zoned"}},
		"a node that goes": {func(q queue) { nodes.Delete(ctx, event.TypedDeleteEvent[*corev1.Node]{Object: node("n", nil)}, q) },
			[]string{"shown", "zoned"}},
		"a label":     {update(node("n", nil), node("n", map[string]string{"a": "b"})), []string{"shown", "zoned"}},
		"a taint":     {update(node("n", nil), node("n", nil, corev1.Taint{Key: "k"})), []string{"shown", "zoned"}},
		"a cordon":    {update(node("n", nil), cordoned), []string{"shown", "zoned"}},
		"a heartbeat": {update(node("n", nil), beating), nil},
		"injection disabled": {func(q queue) {
			namespaces.Update(ctx, event.UpdateEvent{ObjectOld: labelled(""), ObjectNew: labelled("disabled")}, q)
		}, []string{"shown", "tolerating", "zoned"}},
		"nothing of ours": {func(q queue) {
			namespaces.Update(ctx, event.UpdateEvent{ObjectOld: labelled("a"), ObjectNew: labelled("a")}, q)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, drain(test.send)); diff != "" {
				t.Errorf("enqueued (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThroughWhomAWorkloadOwnsPods(t *testing.T) {
	pods := func() ([]corev1.Pod, error) {
		return []corev1.Pod{
			*controlled(pod("a", 0).Obj(), "ReplicaSet", "r"), *controlled(pod("b", 0).Obj(), "ReplicaSet", "r"),
			*controlled(pod("c", 0).Obj(), "Rollout", "r"), *pod("d", 0).Obj(),
		}, nil
	}
	for name, test := range map[string]struct {
		kind schema.GroupKind
		want []schema.GroupKind
	}{
		"a Deployment":                          {schema.GroupKind{Group: "apps", Kind: "Deployment"}, []schema.GroupKind{replicaSets}},
		"a CronJob":                             {schema.GroupKind{Group: "batch", Kind: "CronJob"}, []schema.GroupKind{jobs}},
		"a StatefulSet":                         {schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, nil},
		"a kind that is not known: all it sees": {schema.GroupKind{Group: "apps", Kind: "Rollout"}, []schema.GroupKind{replicaSets}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := between(test.kind, pods)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("through (-want +got):\n%s", diff)
			}
		})
	}
}

// A Pod's events cost the same however many SchedPatches of other workloads its namespace has.
func BenchmarkPodEvent(b *testing.B) {
	for _, n := range []int{1, 1_000, 50_000} {
		b.Run(fmt.Sprintf("%d patches", n), func(b *testing.B) {
			known := newRegistry()
			for i := range n {
				patch := makePatch(targeting("Deployment", fmt.Sprintf("app-%d", i)), func(o *v1alpha1.SchedPatch) { o.Name = fmt.Sprintf("patch-%d", i) })
				known.put(client.ObjectKeyFromObject(patch), entryOf(patch))
			}
			q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			defer q.ShutDown()
			pod := controlled(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: makePatch().Namespace, Name: "app-0-x"}}, "Deployment", "app-0")
			handler := podHandler{known, &owners{}}
			b.ReportAllocs()
			for b.Loop() {
				handler.Create(context.Background(), event.CreateEvent{Object: pod}, q)
			}
		})
	}
}
