// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// belongings is whose Pods a snapshot takes which Pods for.
type belongings struct {
	Own, Orphans, Released []string
	Taken                  map[string]string
}

func (w *world) belongings() belongings {
	w.T.Helper()
	w.cache.Sync()
	s := w.snapshot()
	out := belongings{Taken: s.Taken}
	for _, view := range s.Pods {
		if view.Orphan {
			out.Orphans = append(out.Orphans, view.Pod.Name)
		} else {
			out.Own = append(out.Own, view.Pod.Name)
		}
	}
	for _, pod := range s.Released {
		out.Released = append(out.Released, pod.Name)
	}
	return out
}

func TestWhosePodsAreWhose(t *testing.T) {
	controlled := func(w *world, pod *corev1.Pod) *corev1.Pod {
		pod.OwnerReferences = []metav1.OwnerReference{*controllerRef(w.set("web"))}
		return pod
	}
	strangers := func(pod *corev1.Pod) *corev1.Pod {
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "rs", UID: "rs", Controller: ptr.To(true)}}
		return pod
	}
	pod := func(name string) *build.PodBuilder { return build.MakePod(name).Label("app", "web") }
	for name, test := range map[string]struct {
		pods func(w *world) []*corev1.Pod
		want belongings
	}{
		"its own":                    {func(w *world) []*corev1.Pod { return []*corev1.Pod{controlled(w, pod("web-0").Obj())} }, belongings{Own: []string{"web-0"}}},
		"an orphan that it could be": {func(*world) []*corev1.Pod { return []*corev1.Pod{pod("web-0").Obj()} }, belongings{Orphans: []string{"web-0"}}},
		"an orphan beyond the replicas": {
			func(*world) []*corev1.Pod { return []*corev1.Pod{pod("web-7").Obj()} }, belongings{Orphans: []string{"web-7"}},
		},
		"a number with leading zeros is no ordinal": {func(*world) []*corev1.Pod { return []*corev1.Pod{pod("web-00").Obj(), pod("web-01").Obj()} }, belongings{}},
		"a longer name of another set":              {func(*world) []*corev1.Pod { return []*corev1.Pod{pod("web-a-0").Obj(), pod("a-web-0").Obj()} }, belongings{}},
		"an orphan that the selector does not pick": {
			func(*world) []*corev1.Pod { return []*corev1.Pod{build.MakePod("web-0").Label("app", "other").Obj()} },
			belongings{Taken: map[string]string{"web-0": "a Pod without a controller that spec.selector does not match"}},
		},
		"an orphan that is going": {
			func(*world) []*corev1.Pod { return []*corev1.Pod{pod("web-0").Terminating().Obj()} },
			belongings{Taken: map[string]string{"web-0": "a Pod without a controller that is being deleted"}},
		},
		"another controller's": {
			func(*world) []*corev1.Pod { return []*corev1.Pod{strangers(pod("web-0").Obj())} },
			belongings{Taken: map[string]string{"web-0": "a Pod of ReplicaSet rs (apps/v1)"}},
		},
		"its own with other labels": {
			func(w *world) []*corev1.Pod {
				return []*corev1.Pod{controlled(w, build.MakePod("web-5").Label("app", "other").Obj())}
			},
			belongings{Released: []string{"web-5"}},
		},
		"its own with another name": {
			func(w *world) []*corev1.Pod { return []*corev1.Pod{controlled(w, pod("web-05").Obj())} },
			belongings{Released: []string{"web-05"}},
		},
		"its own with other labels that is going": {
			func(w *world) []*corev1.Pod {
				return []*corev1.Pod{controlled(w, build.MakePod("web-0").Label("app", "other").Terminating().Obj())}
			},
			belongings{Own: []string{"web-0"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, web().Replicas(1))
			for _, pod := range test.pods(w) {
				w.Add(pod)
			}
			if test.want.Taken == nil {
				test.want.Taken = map[string]string{}
			}
			if diff := cmp.Diff(test.want, w.belongings()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestThereIsNothingToSeeOfASetThatIsGoing(t *testing.T) {
	w := settled(t, web())
	set := w.set("web").DeepCopy()
	set.DeletionTimestamp = ptr.To(w.Second())
	w.Put(set)
	w.cache.Sync()
	if s := w.snapshot(); s != nil {
		t.Errorf("a snapshot of a set that is being deleted")
	}
	w.remove(cluster.StatefulSet, "web")
	w.cache.Sync()
	if s := w.snapshot(); s != nil {
		t.Errorf("a snapshot of a set that is gone")
	}
}

// Whatever is decided, nobody writes to what the cache holds.
func TestTheCacheIsNotModified(t *testing.T) {
	w := settled(t, web().Replicas(2).InPlace().Claim("data", "1Gi").PreDelete(hook()).GrowClaims())
	w.image("app:2")
	w.edit("claims of 2Gi", claimSize("2Gi"))
	for range 8 {
		w.cache.Sync()
		plan, err := makePlan(w.snapshot())
		if err != nil {
			t.Fatal(err)
		}
		if object := w.cache.Unmodified(w.Store); object != "" {
			t.Fatalf("%s in the cache changed with %v", object, plan.lines())
		}
		w.once()
	}
}

// handingOver lets all Pods of a set go between two looks at Pods, as a deletion with --cascade=orphan does.
type handingOver struct {
	client.Reader
	w    *world
	done bool
}

func (r *handingOver) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	err := r.Reader.List(ctx, list, options...)
	if _, ok := list.(*corev1.PodList); ok && !r.done {
		r.done = true
		for _, pod := range r.w.Pods() {
			r.w.changePod(pod.Name, func(pod *corev1.Pod) { pod.OwnerReferences = nil })
		}
		r.w.cache.Sync()
	}
	return err
}

// A Pod that loses its controller meanwhile is found with it and without. It is one Pod, and none of it is to be deleted.
func TestAPodThatIsHandedOverMeanwhileIsOnePod(t *testing.T) {
	w := settled(t, web().Replicas(20).Parallel())
	w.cache.Sync()
	w.gatherer.reader = &handingOver{Reader: w.cache, w: w}
	s := w.snapshot()
	for i, view := range s.Pods {
		if len(s.Pods) != 20 || view.Ordinal != i || !view.Orphan {
			t.Fatalf("Pod %d of %d is %s, orphan %t; want 20 orphans, one of each ordinal", i, len(s.Pods), view.Pod.Name, view.Orphan)
		}
	}
	plan, err := makePlan(s)
	if err != nil || len(plan.Delete) > 0 {
		t.Errorf("%v is deleted (%v), want none", plan.Delete, err)
	}
}

// countingReader counts the Pods that are asked for by name.
type countingReader struct {
	client.Reader
	asked int
}

func (r *countingReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if _, ok := object.(*corev1.Pod); ok {
		r.asked++
	}
	return r.Reader.Get(ctx, key, object, options...)
}

// A set may ask for a hundred thousand Pods and have none of them for days, and it is looked at whenever anything of it
// changes.
func TestOnlyPodsThatCouldBeCreatedAreLookedFor(t *testing.T) {
	for name, test := range map[string]struct {
		set  *build.StatefulSetBuilder
		want int
	}{
		"one after the other": {build.MakeStatefulSet("web").Replicas(100_000), 1},
		"all at once":         {build.MakeStatefulSet("web").Replicas(100_000).Parallel(), maxCreations},
		"few":                 {build.MakeStatefulSet("web").Replicas(3).Parallel(), 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.set)
			reader := &countingReader{Reader: w.cache}
			w.gatherer.reader = reader
			w.snapshot()
			if reader.asked != test.want {
				t.Errorf("%d Pods are looked for, want %d", reader.asked, test.want)
			}
		})
	}
}
