// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// simulation is a world in which things happen in random order: kubelets act late, Pods crash, nodes are lost, writes
// are refused or their answers get lost, the operator dies in mid-plan, the cache lags behind (though never behind a
// write of ours that was answered), and people change their minds.
type simulation struct {
	*world
	*observer
	random *rand.Rand
	// calm ends all faults.
	calm bool
	// writesLeft is how many writes the operator lives to make; negative for any number.
	writesLeft int
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 23))
	w := newWorld(t, randomSet(random))
	s := &simulation{world: w, observer: newObserver(w), random: random, writesLeft: -1}
	w.RestartToGrow = random.IntN(2) == 0
	w.writer.Fault, w.writer.Answer = s.fault, s.answer
	w.writer.Policy = func(before, after client.Object) error {
		return refusesImage(s.forbidden)(before, after)
	}
	w.writer.Wrote = func(r cluster.Request, before, after client.Object) {
		s.observe(r, before, after)
		w.say("    %s", r)
	}
	return s
}

// randomSet is any kind of set.
func randomSet(random *rand.Rand) *build.StatefulSetBuilder {
	chance := func(percent int) bool { return random.IntN(100) < percent }
	b := build.MakeStatefulSet("web").Replicas(int32(1 + random.IntN(5))).MaxUnavailable(fmt.Sprint(1 + random.IntN(3)))
	b.Policy([]v1beta1.PodUpdatePolicyType{
		v1beta1.ReCreatePodUpdatePolicy, v1beta1.InPlaceIfPossiblePodUpdatePolicy, v1beta1.InPlaceOnlyPodUpdatePolicy,
	}[random.IntN(3)])
	if chance(50) {
		b.Parallel()
		if chance(30) {
			b.Unordered(nil)
		}
		if chance(30) {
			b.Spec(func(spec *v1beta1.StatefulSetSpec) {
				spec.ScaleStrategy = &v1beta1.StatefulSetScaleStrategy{MaxUnavailable: ptr.To(intstr.FromInt32(1 + random.Int32N(2)))}
			})
		}
	}
	if chance(30) {
		b.Grace(int32(random.IntN(8)))
	}
	if chance(30) {
		b.Spec(func(spec *v1beta1.StatefulSetSpec) { spec.MinReadySeconds = random.Int32N(8) })
	}
	if chance(50) {
		policies := []v1beta1.PersistentVolumeClaimRetentionPolicyType{v1beta1.RetainPersistentVolumeClaimRetentionPolicy, v1beta1.DeletePersistentVolumeClaimRetentionPolicy}
		b.Claim("data", "1Gi").Retain(policies[random.IntN(2)], policies[random.IntN(2)])
		if chance(50) {
			b.GrowClaims()
		}
	}
	for _, add := range []func(v1beta1.LifecycleHook) *build.StatefulSetBuilder{b.PreDelete, b.InPlaceUpdate, b.PreNormal} {
		if chance(20) {
			h := hook()
			h.MarkPodNotReady = chance(50)
			add(h)
		}
	}
	return b
}

// fault decides what becomes of a write before it is made.
func (s *simulation) fault(r cluster.Request) error {
	if s.calm {
		return nil
	}
	if s.writesLeft == 0 {
		return context.Canceled
	}
	s.writesLeft--
	switch s.random.IntN(40) {
	case 0:
		s.say("    %s: conflict", r)
		return apierrors.NewConflict(cluster.ResourceOf(r.Kind), r.Name, errors.New("somebody was faster"))
	case 1:
		s.say("    %s: refused", r)
		return apierrors.NewInternalError(errors.New("etcdserver: request timed out"))
	}
	return nil
}

// answer lets the answer of a write that was made get lost. What was answered the next read waits for.
func (s *simulation) answer(r cluster.Request) error {
	if !s.calm && s.random.IntN(60) == 0 {
		s.say("    %s: the answer is lost", r)
		return apierrors.NewTimeoutError("no answer", 0)
	}
	s.cache.DeliverAll(r.Kind)
	return nil
}

// look is one reconcile.
func (s *simulation) look() {
	s.writesLeft = -1
	if dies := !s.calm && s.random.IntN(10) == 0; dies {
		s.writesLeft = s.random.IntN(4)
	}
	snapshot := s.snapshot()
	s.saw(snapshot)
	plan, outcome := s.act(context.Background(), snapshot)
	s.decided(plan, outcome)
	for _, line := range plan.lines() {
		s.say("  %s", s.short(line))
	}
	if s.writesLeft == 0 {
		s.say("  the operator dies and comes back")
		s.restart()
	}
}

// step lets one random thing happen.
func (s *simulation) step() {
	pod := s.pick()
	switch n := s.random.IntN(100); {
	case n < 28:
		s.look()
	case n < 50 && pod != nil:
		s.sayIf(s.Kubelet(key(pod.Name)))
	case n < 62:
		kinds := []string{cluster.Pod, cluster.Claim, cluster.Revision, cluster.StatefulSet}
		s.cache.Deliver(kinds[s.random.IntN(len(kinds))], 1+s.random.IntN(4))
	case n < 68:
		s.sayIf(s.Collect(cluster.Claim)...)
		s.sayIf(s.Volumes()...)
	case n < 80 && pod != nil:
		s.hookProgram(pod)
	case n < 90 && pod != nil:
		s.mishap(pod)
	case n < 96:
		s.person(pod)
	default:
		s.Pass(time.Duration(s.random.IntN(5000)) * time.Millisecond)
	}
}

func (s *simulation) sayIf(texts ...string) {
	for _, text := range texts {
		if text != "" {
			s.say("%s", text)
		}
	}
}

func (s *simulation) pick() *corev1.Pod {
	pods := s.Pods()
	if len(pods) == 0 {
		return nil
	}
	return pods[s.random.IntN(len(pods))]
}

// hookProgram takes hold of a Pod or lets it go, as its lifecycle state asks.
func (s *simulation) hookProgram(pod *corev1.Pod) {
	held := slices.Contains(pod.Finalizers, finalizer)
	if pod.DeletionTimestamp != nil {
		if held {
			s.letGo(finalizer, pod.Name)
		}
		return
	}
	switch v1beta1.LifecycleStateType(pod.Labels[v1beta1.LifecycleStateLabel]) {
	case v1beta1.LifecycleStatePreparingDelete, v1beta1.LifecycleStatePreparingUpdate:
		if held {
			s.letGo(finalizer, pod.Name)
		}
	case v1beta1.LifecycleStatePreparingNormal, v1beta1.LifecycleStateUpdated, v1beta1.LifecycleStateNormal:
		if !held && s.set("web").Spec.Lifecycle != nil {
			s.hold(finalizer, pod.Name)
		}
	}
}

// mishap is what happens to a Pod without anybody wanting it.
func (s *simulation) mishap(pod *corev1.Pod) {
	switch s.random.IntN(12) {
	case 0, 1, 2:
		s.say("%s flaps", pod.Name)
		s.Flaky[pod.UID] = !s.Flaky[pod.UID]
	case 3, 4:
		s.say("%s crashes", pod.Name)
		s.changePod(pod.Name, func(pod *corev1.Pod) { s.SetReady(pod, false) })
	case 5:
		if pod.Spec.NodeName != "" && pod.DeletionTimestamp == nil {
			s.say("%s fails", pod.Name)
			s.changePod(pod.Name, func(pod *corev1.Pod) {
				pod.Status.Phase = corev1.PodFailed
				s.SetReady(pod, false)
			})
			s.Stopped[pod.UID] = true
		}
	case 6:
		s.say("the node of %s is lost: %t", pod.Name, !s.Lost[key(pod.Name)])
		if s.Lost[key(pod.Name)] = !s.Lost[key(pod.Name)]; s.Lost[key(pod.Name)] {
			s.changePod(pod.Name, func(pod *corev1.Pod) { s.SetReady(pod, false) })
		}
	case 7:
		s.say("%s is evicted", pod.Name)
		s.deletePod(pod.Name)
	case 8:
		s.say("%s is deleted by force", pod.Name)
		s.remove(cluster.Pod, pod.Name)
	case 9:
		s.say("%s loses its controller", pod.Name)
		s.changePod(pod.Name, func(pod *corev1.Pod) { pod.OwnerReferences = nil })
	case 10:
		s.say("nodes are full: %t", !s.Full)
		s.Full = !s.Full
	case 11:
		s.say("a program removes the labels of %s", pod.Name)
		s.changePod(pod.Name, func(pod *corev1.Pod) { delete(pod.Labels, "app") })
	}
}

// person changes the set, or marks a Pod.
func (s *simulation) person(pod *corev1.Pod) {
	inPlaceOnly := s.set("web").Spec.UpdateStrategy.RollingUpdate.PodUpdatePolicy == v1beta1.InPlaceOnlyPodUpdatePolicy
	switch n := s.random.IntN(17); n {
	case 0, 1, 2, 3:
		s.image([]string{"app:1", "app:2", "app:3", "app" + cluster.BadTag, "app" + cluster.CrashTag, "app" + cluster.UnreadyTag}[s.random.IntN(6)])
	case 4:
		if !inPlaceOnly {
			s.edit("other arguments", func(spec *v1beta1.StatefulSetSpec) {
				spec.Template.Spec.Containers[0].Args = []string{fmt.Sprint(s.random.IntN(3))}
			})
		}
	case 5:
		s.edit("another label", func(spec *v1beta1.StatefulSetSpec) { spec.Template.Labels["tier"] = fmt.Sprint(s.random.IntN(3)) })
	case 6, 7:
		s.replicas(int32(s.random.IntN(6)))
	case 8:
		count := s.random.Int32N(4)
		s.rolling(fmt.Sprint("partition ", count), func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Partition = &count })
	case 9:
		s.rolling("paused or not", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = !r.Paused })
	case 10:
		most := intstr.FromInt32(1 + s.random.Int32N(3))
		s.rolling("maxUnavailable "+most.String(), func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.MaxUnavailable = &most })
	case 11:
		s.edit("reserves an ordinal", func(spec *v1beta1.StatefulSetSpec) {
			spec.ReserveOrdinals = []intstr.IntOrString{intstr.FromInt32(s.random.Int32N(4))}
		})
	case 12:
		s.edit("claims kept or not when scaled", func(spec *v1beta1.StatefulSetSpec) {
			policy := spec.PersistentVolumeClaimRetentionPolicy
			if policy.WhenScaled == v1beta1.DeletePersistentVolumeClaimRetentionPolicy {
				policy.WhenScaled = v1beta1.RetainPersistentVolumeClaimRetentionPolicy
			} else {
				policy.WhenScaled = v1beta1.DeletePersistentVolumeClaimRetentionPolicy
			}
		})
	case 13:
		s.edit("larger claims", func(spec *v1beta1.StatefulSetSpec) {
			for i := range spec.VolumeClaimTemplates {
				spec.VolumeClaimTemplates[i].Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse(fmt.Sprint(1+s.random.IntN(4), "Gi"))
			}
		})
	case 14:
		if pod != nil {
			s.say("person: labels %s for deletion", pod.Name)
			s.changePod(pod.Name, func(pod *corev1.Pod) { metav1.SetMetaDataLabel(&pod.ObjectMeta, v1beta1.SpecifiedDeleteLabel, "") })
		}
	case 16:
		s.forbidden = []string{"", "app:1", "app:2", "app:3"}[s.random.IntN(4)]
		s.say("person: a policy refuses image %q", s.forbidden)
	case 15:
		s.edit("no hooks any more", func(spec *v1beta1.StatefulSetSpec) { spec.Lifecycle = nil })
	}
}

// settle ends all faults, and lets everything happen that is due until nothing does.
func (s *simulation) settle() bool {
	s.calm, s.Full, s.forbidden = true, false, ""
	clear(s.Lost)
	clear(s.Flaky)
	s.edit("a template that works, nothing held back", func(spec *v1beta1.StatefulSetSpec) {
		spec.Template.Spec.Containers[0].Image = "app:final"
		spec.UpdateStrategy.RollingUpdate.Partition, spec.UpdateStrategy.RollingUpdate.Paused = ptr.To[int32](0), false
	})
	s.cache.Sync()
	for range 150 {
		s.removeStrangers()
		s.cache.Sync()
		s.writer.Requests = nil
		s.look()
		s.check()
		if len(s.writer.Requests) == 0 && s.converged() {
			return true
		}
		s.sayIf(s.Collect(cluster.Claim)...)
		s.sayIf(s.Volumes()...)
		for _, pod := range s.Pods() {
			s.sayIf(s.Kubelet(key(pod.Name)))
			if now := s.pod(pod.Name); now != nil {
				s.hookProgram(now)
			}
		}
		s.Pass(2 * time.Second)
		s.check()
	}
	s.sayPods()
	return false
}

// removeStrangers is a person who clears away what stands in the set's way.
func (s *simulation) removeStrangers() {
	for _, pod := range s.Pods() {
		if pod.Labels["app"] != "web" {
			s.say("person: deletes %s, which is not the set's any more", pod.Name)
			s.remove(cluster.Pod, pod.Name)
		}
	}
}

// quiet looks a few more times and tells what is written, "" for nothing.
func (s *simulation) quiet() string {
	s.sayIf(s.Collect(cluster.Claim)...)
	for range 3 {
		s.cache.Sync()
		s.writer.Requests = nil
		s.look()
		if len(s.writer.Requests) > 0 {
			return fmt.Sprint(s.writer.Requests)
		}
		s.Pass(time.Hour)
	}
	return ""
}

// TestSimulatedSets checks after every step what must never happen, and at the end that the set comes to rest where its
// spec says.
func TestSimulatedSets(t *testing.T) {
	schedules := 1000
	if testing.Short() {
		schedules = 100
	}
	for seed := range uint64(schedules) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s := newSimulation(t, seed)
			for range 200 {
				s.step()
				s.check()
			}
			if !s.settle() {
				t.Fatalf("does not converge:\n%s", s.tail())
			}
			if text := s.quiet(); text != "" {
				t.Fatalf("a set that has converged causes %s:\n%s", text, s.tail())
			}
		})
	}
}
