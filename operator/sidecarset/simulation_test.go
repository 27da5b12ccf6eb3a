// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// simulation is a cluster with one SidecarSet, in which things happen in random order: kubelets act late, Pods flap,
// end and are deleted, wait for a node or lose it, writes are refused or come to nobody knows what, the cache lags
// behind, and people change their minds.
type simulation struct {
	*world
	random *rand.Rand
	max    int
	memory *refusal.Memory
	// seen is what the cache shows of each Pod: an earlier state of it, but never one before our own last write to it.
	seen map[string]*corev1.Pod
	// taken are the Pods that we took down: they served when they were written to, and have not served since.
	taken map[string]bool
	// doubtful are Pods whose last write was carried out, though we were not told.
	doubtful map[string]bool
	// refusing is the namespace whose Pods a policy keeps from being changed.
	refusing string
	// without takes a guard away, to show that the simulation notices.
	without guard
	log     []string
	next    int
}

// guard is what keeps a rollout within maxUnavailable.
type guard struct {
	// record is whether the record of an update says that the Pod served.
	record bool
	// nodes is whether only nodes that do not report are taken for lost.
	nodes bool
	// doubt is whether a write keeps its share of which nobody knows.
	doubt bool
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 7))
	pods, most := 2+random.IntN(8), 1+random.IntN(3)
	s := &simulation{
		world:  newWorld(t, pods, build.MakeSidecarSet("s").MaxUnavailable(fmt.Sprint(most))),
		random: random, max: most, memory: refusal.NewMemory(), seen: map[string]*corev1.Pod{}, taken: map[string]bool{},
		doubtful: map[string]bool{}, next: pods,
	}
	s.lost = sets.New[string]()
	for i, pod := range s.pods {
		s.place(pod, i)
	}
	s.refreshAll()
	return s
}

// place puts a Pod on a node of its own, in one of three namespaces.
func (s *simulation) place(pod *corev1.Pod, i int) {
	pod.Spec.NodeName, pod.Namespace = fmt.Sprint("node-", i), fmt.Sprint("ns-", i%3)
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
	case n < 33:
		s.reconcile(true)
	case n < 57 && pod != nil:
		s.kubelet(pod)
	case n < 76 && pod != nil:
		s.refresh(pod)
	case n < 81 && pod != nil:
		s.flap(pod)
	case n < 84 && pod != nil:
		s.replace(pod)
	case n < 86 && pod != nil:
		s.end(pod)
	case n < 89 && pod != nil:
		s.node(pod)
	case n < 90:
		s.refusing = fmt.Sprint("ns-", s.random.IntN(4)) // the fourth has no Pods
		s.note("a policy is against changes in %s", s.refusing)
	case n < 95:
		s.edit()
	case n < 98:
		s.pass(time.Second)
	default:
		s.pass(time.Minute)
	}
}

// pass lets time go by. In five seconds the cache has seen what was written, whether we were told of it or not.
func (s *simulation) pass(by time.Duration) {
	s.now = s.now.Add(by)
	for _, pod := range s.pods {
		if s.doubtful[pod.Name] {
			s.refresh(pod)
		}
	}
	clear(s.doubtful)
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
	snapshot := s.snapshot()
	snapshot.remembering(s.memory)
	if s.without.nodes {
		snapshot.LostNodes = s.lost.Clone()
		for _, pod := range s.pods {
			snapshot.LostNodes.Insert(pod.Spec.NodeName)
		}
	}
	plan := planOf(s.t, snapshot)
	s.pods = actual
	for _, u := range plan.Updates {
		err := s.write(u, faults)
		if s.without.doubt && refusal.KindOf(err) == refusal.Doubtful {
			err = byPolicy(nil)
		}
		s.memory.Note(client.ObjectKeyFromObject(s.set), u.View.Pod.UID, refusalKey(snapshot.Set, writeUpdate), err, s.now)
	}
}

// write does what the API server does with the patch of an update.
func (s *simulation) write(u UpdatePod, faults bool) error {
	pod := find(s.pods, u.View.Pod.Name)
	up := pod != nil && pods.Ready(pod)
	fate := s.random.IntN(20)
	switch {
	case pod == nil || pod.UID != u.View.Pod.UID:
		s.note("%s is gone", u.View.Pod.Name)
		delete(s.seen, u.View.Pod.Name)
		return apierrors.NewNotFound(schema.GroupResource{}, u.View.Pod.Name)
	case pod.Namespace == s.refusing:
		s.note("%s refused", u)
		return byPolicy(pod)
	case faults && fate == 0:
		s.note("%s fails, nobody knows how", u)
		return by500(pod)
	case u.NotServing && up, pod.Spec.Containers[0].Image != u.View.Pod.Spec.Containers[0].Image:
		s.note("%s has changed since", pod.Name)
		s.refresh(pod)
		return apierrors.NewConflict(schema.GroupResource{}, pod.Name, nil)
	}
	s.note("%s", u)
	s.carryOut(pod, u)
	if up {
		s.taken[pod.Name] = true
	}
	if faults && fate == 1 {
		s.note("but it is not told of")
		s.doubtful[pod.Name] = true
		return by500(pod)
	}
	s.refresh(pod) // the next read waits for our own write
	return nil
}

func (s *simulation) carryOut(pod *corev1.Pod, u UpdatePod) {
	for name, image := range u.Change.Images {
		pods.Find(pod, name).Image = image
	}
	for key, value := range textsOf(u) {
		if s.without.record {
			value = strings.ReplaceAll(value, `"served":true`, `"served":false`)
		}
		pod.Annotations[key] = value
	}
	pod.Generation++
}

// kubelet takes the Pod one step towards its spec: it stops what has changed, then starts it, or fails to. Where there
// is no node, or it is lost, nothing is done.
func (s *simulation) kubelet(pod *corev1.Pod) {
	if pod.Spec.NodeName == "" || s.lost.Has(pod.Spec.NodeName) {
		return
	}
	if len(pod.Status.ContainerStatuses) == 0 {
		build.RunContainers(pod)
		build.SetReady(pod, false, s.now)
		return
	}
	status := &pod.Status.ContainerStatuses[0]
	image := pod.Spec.Containers[0].Image
	if status.Image != image && status.State.Running != nil {
		status.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
		status.Ready = false
		s.turn(pod, false)
		s.note("kubelet stops %s", pod.Name)
		return
	}
	if strings.HasSuffix(image, ":bad") && status.Image != image {
		status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
		return
	}
	if sidecar.NewView(pod, s.compiled()).Ended() != "" {
		agentRuns(pod)
		return
	}
	build.RunContainers(pod)
	s.turn(pod, true)
	if s.taken[pod.Name] {
		s.note("kubelet starts %s", pod.Name)
	}
	delete(s.taken, pod.Name)
}

// turn sets the Ready condition, if it is not so already.
func (s *simulation) turn(pod *corev1.Pod, ready bool) {
	if pods.Ready(pod) != ready {
		build.SetReady(pod, ready, s.now)
	}
}

// flap makes the application unready for reasons of its own.
func (s *simulation) flap(pod *corev1.Pod) {
	if !s.taken[pod.Name] && pod.Spec.NodeName != "" {
		s.note("%s flaps", pod.Name)
		s.turn(pod, false)
	}
}

// end lets the application end for good, as that of a Job. From then on it is not down because of us.
func (s *simulation) end(pod *corev1.Pod) {
	if len(pod.Status.ContainerStatuses) == 0 || s.random.IntN(2) == 0 {
		return
	}
	s.note("%s ends", pod.Name)
	ready := !pods.Ready(pod)
	since := pod.Status.Conditions
	endedPod(pod, s.now)
	if ready {
		pod.Status.Conditions = since
	}
	delete(s.taken, pod.Name)
}

// node takes the Pod's node away, or brings it back, or finds one for a Pod that waits for it. A Pod whose node is lost
// is not down because of us.
func (s *simulation) node(pod *corev1.Pod) {
	name := pod.Spec.NodeName
	switch {
	case name == "":
		s.next++
		pod.Spec.NodeName = fmt.Sprint("node-", s.next)
		s.note("%s gets a node", pod.Name)
	case s.lost.Has(name):
		s.note("%s is back", name)
		s.lost = s.lost.Clone().Delete(name)
	default:
		s.note("%s is lost", name)
		s.lost = s.lost.Clone().Insert(name)
		s.turn(pod, false)
		delete(s.taken, pod.Name)
	}
}

// replace deletes a Pod; its controller makes another one, for which there may be no node yet.
func (s *simulation) replace(pod *corev1.Pod) {
	s.remove(pod)
	s.next++
	fresh := s.addPod(fmt.Sprintf("web-%d", s.next), s.now.Sub(build.Epoch))
	s.place(fresh, s.next)
	build.SetReady(fresh, false, s.now)
	if s.random.IntN(2) == 0 {
		unscheduledPod(fresh, corev1.PodReasonUnschedulable)
	}
	s.note("%s is deleted, %s comes, its node: %q", pod.Name, fresh.Name, fresh.Spec.NodeName)
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

// settle lets everything happen that is due, in order, until nothing does. What keeps Pods down for other reasons stays
// as it is, and so does what refuses their changes, unless it keeps a Pod down that we broke before.
func (s *simulation) settle() bool {
	s.image("agent:final")
	for _, pod := range s.pods {
		if sidecar.NewView(pod, s.compiled()).Disturbed() && pod.Namespace == s.refusing {
			s.refusing = ""
		}
	}
	s.set = s.set.DeepCopy()
	s.set.Spec.UpdateStrategy.Paused = false
	for range 20 * (len(s.pods) + 1) {
		if s.settled() {
			return true
		}
		s.pass(5 * time.Second)
		s.refreshAll()
		s.reconcile(false)
		s.check()
		for _, pod := range s.pods {
			s.kubelet(pod)
		}
	}
	return false
}

// settled reports whether every Pod that may be changed is at the current version, and serves unless something else
// keeps it down.
func (s *simulation) settled() bool {
	for _, pod := range s.pods {
		view := sidecar.NewView(pod, s.compiled())
		other := pod.Spec.NodeName == "" || s.lost.Has(pod.Spec.NodeName) || view.Ended() != ""
		switch {
		case pod.Namespace == s.refusing:
		case !view.Updated(), !other && (!view.Ready() || !view.Settled()):
			return false
		}
	}
	return true
}

// tooMany says so when more Pods are down because of us than may be.
func (s *simulation) tooMany() string {
	if len(s.taken) <= s.max {
		return ""
	}
	return fmt.Sprintf("%d Pods are down because of us, maxUnavailable is %d: %v\n%s", len(s.taken), s.max, s.taken, s.tail())
}

func (s *simulation) check() {
	s.t.Helper()
	if text := s.tooMany(); text != "" {
		s.t.Fatal(text)
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

// A simulation that finds nothing might look at nothing: without one of the guards it has to find that too many Pods
// are down.
func TestTheSimulationFindsWhatGuardsPrevent(t *testing.T) {
	for name, without := range map[string]guard{
		"the record that a Pod served":   {record: true},
		"the look at the nodes of Pods":  {nodes: true},
		"the doubt about failing writes": {doubt: true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(300) {
				s := newSimulation(t, seed)
				s.without = without
				for range 150 {
					if s.step(); s.tooMany() != "" {
						return
					}
				}
			}
			t.Error("300 schedules without it, and never too many Pods down")
		})
	}
}

// What a Pod becomes by an update of images is what it would have been, had it been created with the new version.
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
	change, err := set.Update(sidecar.NewView(updated, set), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	carryOut(&Plan{Updates: []UpdatePod{{View: sidecar.NewView(updated, set), Change: change}}})
	updated.Generation--
	delete(updated.Annotations, v1beta1.SidecarSetInPlaceUpdateStateAnnotation)
	if diff := cmp.Diff(anew, updated); diff != "" {
		t.Fatalf("the Pod (-injected anew +updated):\n%s", diff)
	}
}
