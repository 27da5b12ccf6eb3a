// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// The kinds that a world has.
const (
	podKind      = "Pod"
	claimKind    = "PersistentVolumeClaim"
	revisionKind = "ControllerRevision"
	setKind      = "StatefulSet"
	classKind    = "StorageClass"
)

func kindOf(t testing.TB, object any) string {
	t.Helper()
	switch object.(type) {
	case *corev1.Pod, *corev1.PodList:
		return podKind
	case *corev1.PersistentVolumeClaim, *corev1.PersistentVolumeClaimList:
		return claimKind
	case *appsv1.ControllerRevision, *appsv1.ControllerRevisionList:
		return revisionKind
	case *v1beta1.StatefulSet, *v1beta1.StatefulSetList:
		return setKind
	case *storagev1.StorageClass, *storagev1.StorageClassList:
		return classKind
	}
	t.Fatalf("no test has objects of type %T", object)
	return ""
}

// store is what an API server has stored of namespace default. Objects in it are replaced, never modified, so that
// whoever has one sees it as it was.
type store struct {
	t       testing.TB
	now     time.Time
	version int
	objects map[string]map[string]client.Object
	// watch is told of every change, with nil for an object that is gone.
	watch func(kind, name string, object client.Object)
	// stopped are Pods by UID of which no process is left.
	stopped map[types.UID]bool
}

func newStore(t testing.TB) *store {
	s := &store{t: t, now: build.Epoch.Add(time.Hour + 700*time.Millisecond), objects: map[string]map[string]client.Object{}, stopped: map[types.UID]bool{}}
	for _, kind := range []string{podKind, claimKind, revisionKind, setKind, classKind} {
		s.objects[kind] = map[string]client.Object{}
	}
	return s
}

// second is the time as objects hold it.
func (s *store) second() metav1.Time { return metav1.NewTime(s.now.Truncate(time.Second)) }

// add stores a new object under the UID that it has or, without one, another one.
func (s *store) add(object client.Object) {
	s.t.Helper()
	kind := kindOf(s.t, object)
	if object.GetUID() == "" {
		object.SetUID(types.UID(fmt.Sprintf("%s-%d", object.GetName(), s.version+1)))
	}
	if object.GetCreationTimestamp().Time.IsZero() {
		object.SetCreationTimestamp(s.second())
	}
	if object.GetGeneration() == 0 {
		object.SetGeneration(1)
	}
	s.put(kind, object)
}

func (s *store) put(kind string, object client.Object) {
	s.version++
	object.SetResourceVersion(fmt.Sprint(s.version))
	s.objects[kind][object.GetName()] = object
	if s.watch != nil {
		s.watch(kind, object.GetName(), object)
	}
}

func (s *store) remove(kind, name string) {
	s.version++
	delete(s.objects[kind], name)
	if s.watch != nil {
		s.watch(kind, name, nil)
	}
}

// replace stores another state of an object, as the API server does: a write that changes nothing is none, a new spec
// is another generation, and what is going is gone when its last finalizer is.
func (s *store) replace(kind string, before, after client.Object) {
	if equality.Semantic.DeepEqual(before, after) {
		return
	}
	if pod, ok := after.(*corev1.Pod); ok {
		if !equality.Semantic.DeepEqual(pod.Spec, before.(*corev1.Pod).Spec) {
			pod.Generation++
		}
		if pod.DeletionTimestamp != nil && len(pod.Finalizers) == 0 && s.stopped[pod.UID] {
			s.remove(kind, pod.Name)
			return
		}
	}
	s.put(kind, after)
}

func (s *store) pod(name string) *corev1.Pod {
	pod, _ := s.objects[podKind][name].(*corev1.Pod)
	return pod
}

func (s *store) claim(name string) *corev1.PersistentVolumeClaim {
	claim, _ := s.objects[claimKind][name].(*corev1.PersistentVolumeClaim)
	return claim
}

func (s *store) set(name string) *v1beta1.StatefulSet {
	set, _ := s.objects[setKind][name].(*v1beta1.StatefulSet)
	return set
}

// pods are all Pods, by name.
func (s *store) pods() []*corev1.Pod {
	var out []*corev1.Pod
	for _, name := range slices.Sorted(maps.Keys(s.objects[podKind])) {
		out = append(out, s.pod(name))
	}
	return out
}

func (s *store) claims() []*corev1.PersistentVolumeClaim {
	var out []*corev1.PersistentVolumeClaim
	for _, name := range slices.Sorted(maps.Keys(s.objects[claimKind])) {
		out = append(out, s.claim(name))
	}
	return out
}

func (s *store) changePod(name string, change func(pod *corev1.Pod)) {
	s.t.Helper()
	before := s.pod(name)
	if before == nil {
		s.t.Fatalf("there is no Pod %s", name)
	}
	after := before.DeepCopy()
	change(after)
	s.replace(podKind, before, after)
}

func (s *store) changeClaim(name string, change func(claim *corev1.PersistentVolumeClaim)) {
	s.t.Helper()
	before := s.claim(name)
	if before == nil {
		s.t.Fatalf("there is no claim %s", name)
	}
	after := before.DeepCopy()
	change(after)
	s.replace(claimKind, before, after)
}

// deletePod does what the API server does: a Pod that runs goes when its kubelet has stopped it.
func (s *store) deletePod(name string) {
	s.t.Helper()
	pod := s.pod(name)
	if pod == nil || pod.DeletionTimestamp != nil {
		return
	}
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		s.stopped[pod.UID] = true
	}
	if s.stopped[pod.UID] && len(pod.Finalizers) == 0 {
		s.remove(podKind, name)
		return
	}
	now := s.second()
	s.changePod(name, func(pod *corev1.Pod) { pod.DeletionTimestamp = &now })
}

// deleteClaim deletes a claim; it is gone when no Pod mounts it any more.
func (s *store) deleteClaim(name string) {
	s.t.Helper()
	if !s.mounted(name) {
		s.remove(claimKind, name)
		return
	}
	now := s.second()
	s.changeClaim(name, func(claim *corev1.PersistentVolumeClaim) { claim.DeletionTimestamp = &now })
}

func (s *store) mounted(claim string) bool {
	for _, pod := range s.pods() {
		if pod.Spec.NodeName != "" && slices.Contains(claimsOf(pod), claim) {
			return true
		}
	}
	return false
}

// claimsOf names the claims that a Pod mounts.
func claimsOf(pod *corev1.Pod) []string {
	var out []string
	for i := range pod.Spec.Volumes {
		if source := pod.Spec.Volumes[i].PersistentVolumeClaim; source != nil {
			out = append(out, source.ClaimName)
		}
	}
	return out
}

// encode and decode take an object over the wire.
func encode(t testing.TB, object any) []byte {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decodeLike[T client.Object](t testing.TB, data []byte, into T) T {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return into
}
