package sidecarset

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// simulation is a cluster with one SidecarSet, in which things happen in random
// order: kubelets act late, Pods flap and are deleted, writes are refused, the
// cache lags behind, and people change their minds.
type simulation struct {
	*world
	random *rand.Rand
	max    int
	// seen is what the cache shows of each Pod: an earlier state of it, but never
	// one before our own last write to it.
	seen map[string]*corev1.Pod
	// taken are the Pods that we took down: they served when they were written
	// to, and have not served since.
	taken map[string]bool
	log   []string
	next  int
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 7))
	pods, most := 2+random.IntN(8), 1+random.IntN(3)
	s := &simulation{
		world:  newWorld(t, pods, build.MakeSidecarSet("s").MaxUnavailable(fmt.Sprint(most))),
		random: random, max: most, seen: map[string]*corev1.Pod{}, taken: map[string]bool{}, next: pods,
	}
	s.refreshAll()
	return s
}

func (s *simulation) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

func (s *simulation) refresh(pod *corev1.Pod) { s.seen[pod.Name] = pod.DeepCopy() }

func (s *simulation) refreshAll() {
	s.seen = map[string]*corev1.Pod{}
	for _, pod := range s.pods {
		s.refresh(pod)
	}
}

func (s *simulation) pick() *corev1.Pod {
	if len(s.pods) == 0 {
		return nil
	}
	return s.pods[s.random.IntN(len(s.pods))]
}

// step lets one random thing happen.
func (s *simulation) step() {
	pod := s.pick()
	switch n := s.random.IntN(100); {
	case n < 35:
		s.reconcile(true)
	case n < 60 && pod != nil:
		s.kubelet(pod)
	case n < 80 && pod != nil:
		s.refresh(pod)
	case n < 86 && pod != nil:
		s.flap(pod)
	case n < 90 && pod != nil:
		s.replace(pod)
	case n < 95:
		s.edit()
	default:
		s.now = s.now.Add(time.Minute)
	}
}

// reconcile plans on what the cache shows and writes to what is.
func (s *simulation) reconcile(faults bool) {
	actual := s.pods
	s.pods = nil
	for _, pod := range actual {
		if seen := s.seen[pod.Name]; seen != nil {
			s.pods = append(s.pods, seen)
		}
	}
	for name, seen := range s.seen { // Pods that are gone but still in the cache
		if find(actual, name) == nil {
			s.pods = append(s.pods, seen)
		}
	}
	plan := s.plan()
	s.pods = actual
	for _, u := range plan.Updates {
		s.write(u, faults)
	}
}

// write does what the API server does with the patch of an update.
func (s *simulation) write(u UpdatePod, faults bool) {
	pod := find(s.pods, u.View.Pod.Name)
	ready := pod != nil && sidecar.Look(pod).Ready()
	switch {
	case pod == nil || pod.UID != u.View.Pod.UID:
		s.note("%s is gone", u.View.Pod.Name)
		delete(s.seen, u.View.Pod.Name)
		return
	case faults && s.random.IntN(10) == 0:
		s.note("%s refused", u)
		return
	case u.Free && ready, pod.Spec.Containers[0].Image != u.View.Pod.Spec.Containers[0].Image:
		s.note("%s has changed since", pod.Name)
		s.refresh(pod)
		return
	}
	s.note("%s", u)
	for _, image := range u.Change.Images {
		pod.Spec.Containers[image.Index].Image = image.To
	}
	for key, value := range u.Change.Annotations {
		pod.Annotations[key] = value
	}
	pod.Generation++
	if ready {
		s.taken[pod.Name] = true
	}
	s.refresh(pod) // the next read waits for our own write
}

// kubelet takes the Pod one step towards its spec: it stops what has changed,
// then starts it, or fails to.
func (s *simulation) kubelet(pod *corev1.Pod) {
	status := &pod.Status.ContainerStatuses[0]
	image := pod.Spec.Containers[0].Image
	if status.Image != image && status.State.Running != nil {
		status.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
		status.Ready = false
		build.SetReady(pod, false, s.now)
		s.note("kubelet stops %s", pod.Name)
		return
	}
	if strings.HasSuffix(image, ":bad") && status.Image != image {
		status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
		return
	}
	build.RunContainers(pod)
	build.SetReady(pod, true, s.now)
	if s.taken[pod.Name] {
		s.note("kubelet starts %s", pod.Name)
	}
	delete(s.taken, pod.Name)
}

// flap makes the application unready for reasons of its own.
func (s *simulation) flap(pod *corev1.Pod) {
	if !s.taken[pod.Name] {
		s.note("%s flaps", pod.Name)
		build.SetReady(pod, false, s.now)
	}
}

// replace deletes a Pod; its controller makes another one.
func (s *simulation) replace(pod *corev1.Pod) {
	s.remove(pod)
	s.next++
	fresh := s.addPod(fmt.Sprintf("web-%d", s.next), s.now.Sub(build.Epoch))
	build.SetReady(fresh, false, s.now)
	s.note("%s is deleted, %s comes", pod.Name, fresh.Name)
}

func (s *simulation) remove(pod *corev1.Pod) {
	for i := range s.pods {
		if s.pods[i] == pod {
			s.pods = append(s.pods[:i:i], s.pods[i+1:]...)
			break
		}
	}
	delete(s.taken, pod.Name)
}

// edit is a person who changes the SidecarSet.
func (s *simulation) edit() {
	switch s.random.IntN(4) {
	case 0:
		s.image("agent:bad")
	case 1, 2:
		s.image(fmt.Sprintf("agent:%d", 2+s.random.IntN(3)))
	default:
		s.set = s.set.DeepCopy()
		s.set.Spec.UpdateStrategy.Paused = !s.set.Spec.UpdateStrategy.Paused
		s.set.Generation++
	}
	s.note("the set has image %s, paused %t", s.set.Spec.Containers[0].Image, s.set.Spec.UpdateStrategy.Paused)
}

func find(pods []*corev1.Pod, name string) *corev1.Pod {
	for _, pod := range pods {
		if pod.Name == name {
			return pod
		}
	}
	return nil
}

func (s *simulation) tail() string {
	return strings.Join(s.log[max(0, len(s.log)-40):], "\n")
}

// settle lets everything happen that is due, in order, until nothing does.
func (s *simulation) settle() bool {
	s.image("agent:final")
	s.set = s.set.DeepCopy()
	s.set.Spec.UpdateStrategy.Paused = false
	for range 20 * (len(s.pods) + 1) {
		if s.settled() {
			return true
		}
		s.refreshAll()
		s.reconcile(false)
		s.check()
		for _, pod := range s.pods {
			s.kubelet(pod)
		}
	}
	return false
}

// settled tells whether every Pod is at the current version and serves.
func (s *simulation) settled() bool {
	for _, pod := range s.pods {
		view := sidecar.Look(pod)
		if !view.Updated(s.compiled()) || !view.Ready() || !view.Settled(s.compiled()) {
			return false
		}
	}
	return true
}

func (s *simulation) check() {
	s.t.Helper()
	if len(s.taken) > s.max {
		s.t.Fatalf("%d Pods are down because of us, maxUnavailable is %d: %v\n%s", len(s.taken), s.max, s.taken, s.tail())
	}
}

func TestSimulatedRollouts(t *testing.T) {
	const schedules = 1000
	for seed := range uint64(schedules) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s := newSimulation(t, seed)
			for range 150 {
				s.step()
				s.check()
			}
			if !s.settle() {
				t.Fatalf("does not converge:\n%s", s.tail())
			}
		})
	}
}

// What a Pod becomes by an update of images is what it would have been, had it
// been created with the new version.
func TestUpdatedEqualsInjectedAnew(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 11))
		builder := build.MakeSidecarSet("s")
		for i := range 1 + random.IntN(3) {
			builder.Container(fmt.Sprint("c", i), fmt.Sprint("c:", random.IntN(2)))
		}
		if random.IntN(2) == 0 {
			builder.NativeSidecar("mesh", "mesh:1")
		}
		before := builder.Obj()
		after := before.DeepCopy()
		for i := range after.Spec.Containers {
			after.Spec.Containers[i].Image = fmt.Sprint("c:", random.IntN(3))
		}
		compareUpdateWithInjection(t, before, after)
	}
}

func compareUpdateWithInjection(t *testing.T, before, after *v1beta1.SidecarSet) {
	t.Helper()
	now := metav1.NewTime(build.Epoch)
	injected := func(object *v1beta1.SidecarSet) (*sidecar.Set, *corev1.Pod) {
		set, err := sidecar.Compile(object)
		if err != nil {
			t.Fatal(err)
		}
		pod := build.MakePod("p").Label("app", "web").New().Obj()
		injection, err := sidecar.Inject(pod, []*sidecar.Set{set}, now)
		if err != nil {
			t.Fatal(err)
		}
		injection.Apply(pod)
		return set, pod
	}
	_, updated := injected(before)
	set, anew := injected(after)
	change, err := set.Update(sidecar.Look(updated), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range change.Images {
		list := updated.Spec.Containers
		if image.List == "initContainers" {
			list = updated.Spec.InitContainers
		}
		list[image.Index].Image = image.To
	}
	for key, value := range change.Annotations {
		updated.Annotations[key] = value
	}
	delete(updated.Annotations, v1beta1.SidecarSetInPlaceUpdateStateAnnotation)
	if diff := cmp.Diff(anew, updated); diff != "" {
		t.Fatalf("the Pod (-injected anew +updated):\n%s", diff)
	}
}
