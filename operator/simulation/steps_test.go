// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// fault decides what becomes of a write before it is made.
func (s *simulation) fault(r world.Request) error {
	s.planned(r)
	if s.calm {
		return nil
	}
	s.beside(r)
	switch {
	case s.dead:
		return context.Canceled
	case s.writesLeft == 0 && !s.diesAfter:
		return s.die(r)
	}
	s.writesLeft--
	switch s.random.IntN(50) {
	case 0:
		s.disturbed = true
		s.say("    %s: conflict", r)
		return apierrors.NewConflict(world.ResourceOf(r.Kind), r.Name, errors.New("somebody was faster"))
	case 1:
		s.disturbed, s.doubted[r.Key()] = true, s.Now()
		s.say("    %s: refused", r)
		return apierrors.NewInternalError(errors.New("etcdserver: request timed out"))
	}
	return nil
}

func (s *simulation) die(r world.Request) error {
	s.say("    %s: killed", r)
	s.dead = true
	s.kill()
	return context.Canceled
}

// answer may let the answer of a write that was made get lost, or kill the operator after it. What was answered the
// next read waits for.
func (s *simulation) answer(r world.Request) error {
	switch {
	case s.calm:
	case s.writesLeft == -1 && s.diesAfter: // it was 0 before this write
		s.diesAfter = false
		return s.die(r)
	case s.random.IntN(60) == 0:
		s.disturbed, s.doubted[r.Key()] = true, s.Now()
		s.say("    %s: the answer is lost", r)
		if pod := s.Pod(r.Key()); r.Kind == world.Pod && pod != nil {
			s.unanswered[pod.ResourceVersion] = true
		}
		return apierrors.NewTimeoutError("no answer", 0)
	}
	if !s.forgetful {
		s.cache.Owe(r.Kind)
	}
	return nil
}

// beside lets another worker look at another object while a write is on its way: before it is made, as far as that one
// can see. A puller is made under a lock that the other one might wait for.
func (s *simulation) beside(r world.Request) {
	if s.nested || s.random.IntN(100) >= *besides || r.Kind == world.Pod && r.Verb == "create" {
		return
	}
	ready := s.process.ready()
	if len(ready) == 0 {
		return
	}
	c, request := ready[s.random.IntN(len(ready))]()
	if c.Name+" "+requestName(request) == s.actor {
		c.queue.Add(request) // nobody looks at one object twice at a time
		return
	}
	s.say("    %s: on its way, and meanwhile", r)
	outer, headline, left, after := s.look, s.headline, s.writesLeft, s.diesAfter
	s.nested, s.writesLeft, s.diesAfter = true, -1, false
	s.reconcile(quietly, c, request)
	s.nested = false
	s.look, s.headline, s.writesLeft, s.diesAfter = outer, headline, left, after
	s.disturbed = true
}

// step lets one random thing happen.
func (s *simulation) step() {
	switch n := s.random.IntN(100); {
	case n < 34:
		if ready := s.process.ready(); len(ready) > 0 {
			c, request := ready[s.random.IntN(len(ready))]()
			s.lookAt(c, request, true)
		}
	case n < 56:
		if pod := s.pick(); pod != nil {
			s.sayIf(s.nodes.Kubelet(client.ObjectKeyFromObject(pod)))
		}
	case n < 68:
		if kinds := s.cache.Kinds(); len(kinds) > 0 {
			s.cache.Deliver(kinds[s.random.IntN(len(kinds))], 1+s.random.IntN(4))
		}
	case n < 73:
		s.workloads()
		for _, pod := range s.workers() {
			if s.chance(60) {
				s.program(pod)
			}
		}
	case n < 76:
		s.sayIf(s.nodes.Collect(world.Claim, world.Pod, world.SchedPatch)...)
		s.sayIf(s.nodes.Volumes()...)
	case n < 79:
		s.webhook.learn()
		s.sayIf(s.Disruptions()...)
		s.drain()
	case n < 85:
		s.mishap()
	case n < 91:
		s.person()
	case n < 97:
		s.Pass(time.Duration(s.random.IntN(5000)) * time.Millisecond)
	default:
		s.Pass(time.Duration(s.random.IntN(180)) * time.Second)
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

// mishap is what happens without anybody wanting it.
func (s *simulation) mishap() {
	pod := s.pick()
	node := fmt.Sprintf("n%d", 1+s.random.IntN(5))
	switch n := s.random.IntN(22); {
	case n == 0:
		s.cache.Deaf = !s.cache.Deaf
		s.say("the operator's watches are broken: %t", s.cache.Deaf)
	case n == 1:
		s.webhook.down = !s.webhook.down
		s.say("no webhook answers: %t", s.webhook.down)
	case n == 2:
		s.refusing = !s.refusing
		s.say("a policy is against changes in namespace %s: %t", kept, s.refusing)
	case n == 3:
		s.nodes.LoseNode(node, !s.nodes.LostNodes[node])
		s.say("%s is lost: %t", node, s.nodes.LostNodes[node])
	case n == 4:
		s.cordon(node, !world.Get[*corev1.Node](s.Store, world.Node, world.Key{Name: node}).Spec.Unschedulable)
	case n == 5:
		s.asleep = !s.asleep
		s.say("the program behind the hooks sleeps: %t", s.asleep)
	case n == 6:
		namespace := []string{"default", kept, "shop"}[s.random.IntN(3)]
		s.noPullers[namespace] = !s.noPullers[namespace]
		s.say("a quota is against Pods that pull images in namespace %s: %t", namespace, s.noPullers[namespace])
	case n < 9:
		s.registry()
	case n < 12:
		s.trouble(node, troubles[s.random.IntN(len(troubles))])
	case pod != nil:
		s.podMishap(pod)
	}
}

// troubles are those of nodes; what is worth more of the time is there twice.
var troubles = []world.Trouble{
	world.Well, world.NoPull, world.NoPull, world.Trickles, world.Refuses, world.NoSandbox, world.NoResize, world.NoRoom,
}

func (s *simulation) trouble(node string, trouble world.Trouble) {
	s.nodes.Troubles[node] = trouble
	s.say("the trouble of %s: %q", node, trouble)
}

func (s *simulation) podMishap(pod *corev1.Pod) {
	key := client.ObjectKeyFromObject(pod)
	switch s.random.IntN(9) {
	case 7, 8:
		s.evict(pod)
	case 0, 1:
		s.nodes.Flaky[pod.UID] = !s.nodes.Flaky[pod.UID]
		s.say("%s is flaky: %t", pod.Name, s.nodes.Flaky[pod.UID])
	case 2, 3:
		s.say("%s crashes", pod.Name)
		s.ChangePod(key, func(pod *corev1.Pod) { s.SetReady(pod, false) })
	case 4:
		s.say("%s is deleted", pod.Name)
		s.Delete(world.Pod, key)
	case 5:
		if pod.Spec.NodeName != "" && pod.DeletionTimestamp == nil {
			s.say("%s fails", pod.Name)
			s.Stopped[pod.UID] = true
			s.ChangePod(key, func(pod *corev1.Pod) {
				pod.Status.Phase = corev1.PodFailed
				s.SetReady(pod, false)
			})
		}
	case 6:
		s.say("%s is gone, and nobody has stopped it", pod.Name)
		s.Remove(world.Pod, key)
	}
}

// person changes what is wanted.
func (s *simulation) person() {
	switch s.random.IntN(4) {
	case 0:
		s.changeSidecars(agentKey, []string{"agent:1", "agent:2", "agent:3", "agent:bad", "agent:crash"})
	case 1:
		s.changeSidecars(meshKey, []string{"mesh:1", "mesh:2", "mesh:3", "mesh:bad"})
	case 2:
		s.changeSet([]world.Key{webKey, webKey, dbKey}[s.random.IntN(3)])
	case 3:
		s.changeTheRest()
	}
}

func (s *simulation) editSidecars(key world.Key, what string, change func(spec *v1beta1.SidecarSetSpec)) {
	s.say("person: SidecarSet %s: %s", key.Name, what)
	world.Change(s.Store, world.SidecarSet, key, func(set *v1beta1.SidecarSet) {
		change(&set.Spec)
		if s.fixed != nil {
			s.fixed(&set.Spec.UpdateStrategy)
		}
	})
}

func (s *simulation) editSet(key world.Key, what string, change func(spec *v1beta1.StatefulSetSpec)) {
	s.say("person: StatefulSet %s: %s", key.Name, what)
	world.Change(s.Store, world.StatefulSet, key, func(set *v1beta1.StatefulSet) { change(&set.Spec) })
}

func (s *simulation) changeSidecars(key world.Key, images []string) {
	image, n := images[s.random.IntN(len(images))], s.random.IntN(4)
	switch s.random.IntN(10) {
	case 8, 9:
		s.editSidecars(key, "another rule", s.changeRules)
	case 0, 1, 2, 3:
		s.editSidecars(key, image, func(spec *v1beta1.SidecarSetSpec) { spec.Containers[0].Image = image })
	case 4:
		s.editSidecars(key, "paused or not", func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = !spec.UpdateStrategy.Paused })
	case 5:
		s.editSidecars(key, fmt.Sprint("partition ", n), func(spec *v1beta1.SidecarSetSpec) {
			spec.UpdateStrategy.Partition = ptr.To(intstr.FromInt32(int32(n)))
		})
	case 6:
		s.editSidecars(key, fmt.Sprint("maxUnavailable ", n), func(spec *v1beta1.SidecarSetSpec) {
			spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromInt32(int32(n)))
		})
	case 7:
		if key == agentKey {
			s.editSidecars(key, fmt.Sprintf("%d m of cpu", 50*(n+1)), func(spec *v1beta1.SidecarSetSpec) {
				spec.Containers[0].Resources = cpu(fmt.Sprintf("%dm", 50*(n+1)))
			})
		}
	}
}

func (s *simulation) changeSet(key world.Key) {
	image := []string{"app:1", "app:2", "app:3", "app:bad", "app:crash", "app:unready"}[s.random.IntN(6)]
	n := s.random.Int32N(4)
	switch s.random.IntN(10) {
	case 9:
		s.editSet(key, "other rules", func(spec *v1beta1.StatefulSetSpec) { s.giveSetRules(spec.UpdateStrategy.RollingUpdate) })
	case 0, 1, 2:
		s.editSet(key, image, func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Image = image })
	case 3:
		s.editSet(key, "other arguments", func(spec *v1beta1.StatefulSetSpec) {
			spec.Template.Spec.Containers[0].Args = []string{fmt.Sprint(n)}
		})
	case 4:
		s.editSet(key, fmt.Sprint("replicas ", n+1), func(spec *v1beta1.StatefulSetSpec) { spec.Replicas = ptr.To(n + 1) })
	case 5:
		s.editSet(key, fmt.Sprint("partition ", n), func(spec *v1beta1.StatefulSetSpec) { spec.UpdateStrategy.RollingUpdate.Partition = &n })
	case 6:
		s.editSet(key, "paused or not", func(spec *v1beta1.StatefulSetSpec) {
			spec.UpdateStrategy.RollingUpdate.Paused = !spec.UpdateStrategy.RollingUpdate.Paused
		})
	case 7:
		s.editSet(key, fmt.Sprintf("%d m of cpu", 100*(n+1)), func(spec *v1beta1.StatefulSetSpec) {
			spec.Template.Spec.Containers[0].Resources = cpu(fmt.Sprintf("%dm", 100*(n+1)))
		})
	case 8:
		s.editSet(key, fmt.Sprint("maxUnavailable ", n+1), func(spec *v1beta1.StatefulSetSpec) {
			spec.UpdateStrategy.RollingUpdate.MaxUnavailable = ptr.To(intstr.FromInt32(n + 1))
		})
	}
}

// changeTheRest scales and rolls Deployments, changes budgets and SchedPatches, deletes those or puts them back.
func (s *simulation) changeTheRest() {
	name := []string{"cart", "till"}[s.random.IntN(2)]
	switch s.random.IntN(6) {
	case 0, 1:
		s.scaleDeployment(name, 1+s.random.Int32N(3))
	case 2:
		s.roll(name)
	case 3:
		s.changeBudget()
	default:
		s.changePatch([]world.Key{zonedKey, spotKey}[s.random.IntN(2)])
	}
}

func (s *simulation) changePatch(key world.Key) {
	patch := world.Get[*v1alpha1.SchedPatch](s.Store, world.SchedPatch, key)
	switch n := s.random.IntN(3); {
	case patch == nil:
		s.say("person: SchedPatch %s is put back", key.Name)
		if key == zonedKey {
			s.addZoned()
		} else {
			s.addSpot()
		}
	case n == 0:
		s.say("person: SchedPatch %s is deleted", key.Name)
		s.Delete(world.SchedPatch, key)
	case n == 1:
		s.say("person: SchedPatch %s is a preview or not", key.Name)
		world.Change(s.Store, world.SchedPatch, key, func(patch *v1alpha1.SchedPatch) {
			if patch.Spec.Mode == v1alpha1.SchedPatchActive {
				patch.Spec.Mode = v1alpha1.SchedPatchPreview
			} else {
				patch.Spec.Mode = v1alpha1.SchedPatchActive
			}
		})
	case n == 2:
		seconds := 1 + s.random.Int32N(600)
		s.say("person: SchedPatch %s is for %d s", key.Name, seconds)
		world.Change(s.Store, world.SchedPatch, key, func(patch *v1alpha1.SchedPatch) { patch.Spec.TTLSeconds = &seconds })
	}
}
