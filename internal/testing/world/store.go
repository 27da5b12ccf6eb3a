// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	build "github.com/windlass-operator/windlass/internal/testing"
)

// Key is the namespace and name of an object.
type Key = types.NamespacedName

// Event is a change of the store. Before is nil for a new object, After for one that is gone.
type Event struct {
	Kind          string
	Key           Key
	Before, After client.Object
}

// Store is what an API server has stored. Objects in it are replaced, never modified, so that whoever has one sees it
// as it was.
type Store struct {
	T testing.TB
	// Clock is the time of the whole world.
	Clock *clocktesting.FakePassiveClock
	// Watchers are told of every change, in this order.
	Watchers []func(Event)
	// Stopped are Pods by UID of which no process is left.
	Stopped map[types.UID]bool

	version int
	objects map[string]map[Key]client.Object
}

// NewStore has nothing in it. It is an hour after everything that a test builds was created.
func NewStore(t testing.TB) *Store {
	return &Store{
		T: t, Clock: clocktesting.NewFakePassiveClock(build.Epoch.Add(time.Hour + 700*time.Millisecond)),
		Stopped: map[types.UID]bool{}, objects: map[string]map[Key]client.Object{},
	}
}

// Now is the time.
func (s *Store) Now() time.Time { return s.Clock.Now() }

// Pass lets time pass.
func (s *Store) Pass(span time.Duration) { s.Clock.SetTime(s.Clock.Now().Add(span)) }

// Second is the time as objects hold it.
func (s *Store) Second() metav1.Time { return metav1.NewTime(s.Now().Truncate(time.Second)) }

// Add stores a new object under the UID that it has or, without one, another one.
func (s *Store) Add(object client.Object) {
	s.T.Helper()
	if object.GetUID() == "" {
		object.SetUID(types.UID(fmt.Sprintf("%s-%d", object.GetName(), s.version+1)))
	}
	if object.GetCreationTimestamp().Time.IsZero() {
		object.SetCreationTimestamp(s.Second())
	}
	if object.GetGeneration() == 0 {
		object.SetGeneration(1)
	}
	s.Put(object)
}

// Put stores an object as it is, but for its resourceVersion.
func (s *Store) Put(object client.Object) {
	s.T.Helper()
	kind, key := gvkOf(s.T, object).Kind, client.ObjectKeyFromObject(object)
	s.version++
	object.SetResourceVersion(fmt.Sprint(s.version))
	if s.objects[kind] == nil {
		s.objects[kind] = map[Key]client.Object{}
	}
	before := s.objects[kind][key]
	s.objects[kind][key] = object
	s.tell(Event{kind, key, before, object})
}

// Remove ends an object at once, whatever holds it.
func (s *Store) Remove(kind string, key Key) {
	before := s.objects[kind][key]
	if before == nil {
		return
	}
	s.version++
	delete(s.objects[kind], key)
	s.tell(Event{kind, key, before, nil})
}

func (s *Store) tell(e Event) {
	for _, watch := range s.Watchers {
		watch(e)
	}
}

// Replace stores another state of an object, as the API server does: a write that changes nothing is none, a new spec
// is another generation, and what is going is gone when its last finalizer is. It reports whether anything changed.
func (s *Store) Replace(before, after client.Object) bool {
	if equality.Semantic.DeepEqual(before, after) {
		return false
	}
	if spec := field(after, "Spec"); spec.IsValid() && !equality.Semantic.DeepEqual(field(before, "Spec").Interface(), spec.Interface()) {
		after.SetGeneration(before.GetGeneration() + 1)
	}
	if after.GetDeletionTimestamp() != nil && len(after.GetFinalizers()) == 0 && s.endsNow(after) {
		s.Remove(gvkOf(s.T, after).Kind, client.ObjectKeyFromObject(after))
		return true
	}
	s.Put(after)
	return true
}

// endsNow reports whether nothing but finalizers holds an object that is going.
func (s *Store) endsNow(object client.Object) bool {
	switch object := object.(type) {
	case *corev1.Pod:
		return s.Stopped[object.UID]
	case *corev1.PersistentVolumeClaim:
		return false // see Nodes.Volumes
	}
	return true
}

// Get returns what is stored, the zero value when there is nothing of that name.
func Get[T client.Object](s *Store, kind string, key Key) T {
	object, _ := s.objects[kind][key].(T)
	return object
}

// All returns all objects of a kind, by namespace and name.
func All[T client.Object](s *Store, kind string) []T {
	out := make([]T, 0, len(s.objects[kind]))
	for _, object := range s.objects[kind] {
		out = append(out, object.(T))
	}
	slices.SortFunc(out, func(a, b T) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	return out
}

// Change changes an object that is stored.
func Change[T client.Object](s *Store, kind string, key Key, change func(T)) {
	s.T.Helper()
	if s.objects[kind][key] == nil {
		s.T.Fatalf("there is no %s %s", kind, key)
	}
	before := Get[T](s, kind, key)
	after := before.DeepCopyObject().(T)
	change(after)
	s.Replace(before, after)
}

// Pod returns a Pod, nil when there is none.
func (s *Store) Pod(key Key) *corev1.Pod { return Get[*corev1.Pod](s, Pod, key) }

// Pods are all Pods, by namespace and name.
func (s *Store) Pods() []*corev1.Pod { return All[*corev1.Pod](s, Pod) }

// ChangePod changes a Pod that is stored.
func (s *Store) ChangePod(key Key, change func(*corev1.Pod)) {
	s.T.Helper()
	Change(s, Pod, key, change)
}

// Delete does what the API server does: a Pod that runs goes when its kubelet has stopped it, a claim when no Pod
// mounts it any more, and anything when its last finalizer is gone.
func (s *Store) Delete(kind string, key Key) {
	s.T.Helper()
	object := s.objects[kind][key]
	if object == nil || object.GetDeletionTimestamp() != nil {
		return
	}
	if pod, ok := object.(*corev1.Pod); ok && (pod.Spec.NodeName == "" || ended(pod) || endsAtOnce(pod)) {
		s.Stopped[pod.UID] = true
	}
	ends := s.endsNow(object)
	if kind == Claim {
		ends = !s.mounted(key)
	}
	if ends && len(object.GetFinalizers()) == 0 {
		s.Remove(kind, key)
		return
	}
	now := s.Second()
	after := object.DeepCopyObject().(client.Object)
	after.SetDeletionTimestamp(&now)
	s.Put(after)
}

// endsAtOnce reports whether nobody waits for a Pod's processes.
func endsAtOnce(pod *corev1.Pod) bool {
	span := pod.Spec.TerminationGracePeriodSeconds
	return span != nil && *span == 0
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

// mounted reports whether a Pod that has a node mounts a claim.
func (s *Store) mounted(claim Key) bool {
	for _, pod := range s.Pods() {
		if pod.Namespace == claim.Namespace && pod.Spec.NodeName != "" && slices.Contains(ClaimsOf(pod), claim.Name) {
			return true
		}
	}
	return false
}

// ClaimsOf names the claims that a Pod mounts.
func ClaimsOf(pod *corev1.Pod) []string {
	var out []string
	for i := range pod.Spec.Volumes {
		if source := pod.Spec.Volumes[i].PersistentVolumeClaim; source != nil {
			out = append(out, source.ClaimName)
		}
	}
	return out
}

// Version counts the changes of the store.
func (s *Store) Version() int { return s.version }
