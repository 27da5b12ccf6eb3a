// SPDX-License-Identifier: Apache-2.0

// Package simulation runs all controllers together, on the same Pods: two SidecarSets, StatefulSets that are updated in
// place, SchedPatches, auto remediation and a Deployment, in a cluster in which everything happens in random order.
package simulation

import (
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

var (
	seeds  = flag.Int("seeds", 250, "how many histories are simulated")
	logs   = flag.Bool("logs", false, "show what the operator logs")
	tailed = flag.Int("tail", 80, "how many lines of a history that fails are shown")
	// besides is how often another look comes beside a write, in percent.
	besides = flag.Int("besides", 10, "how often another look comes beside a write, in percent")
	seed    = flag.Int("seed", -1, "simulate this one alone")
	only    = flag.String("only", "", "end at the first complaint that has this text, and at no other")
)

// TestAllControllers checks after every step what must never happen, and at the end that everything comes to rest where
// it is to be.
func TestAllControllers(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a third of the time otherwise
	first, last := 0, *seeds
	if *seed >= 0 {
		first, last = *seed, *seed+1
	} else if testing.Short() {
		last = min(last, 40)
	}
	for seed := first; seed < last; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			if complaint := simulate(t, uint64(seed), func(*simulation) {}); complaint != "" {
				t.Fatal(complaint)
			}
		})
	}
}

// simulate plays one history and returns what went wrong first, "" for nothing. without takes a guard away.
func simulate(t *testing.T, seed uint64, without func(*simulation)) string {
	t.Helper()
	s := newSimulation(t, seed)
	without(s)
	for range 300 {
		s.step()
		s.check()
		if s.complaint != "" {
			return s.complaint
		}
	}
	s.settle()
	if s.complaint == "" {
		s.quiet()
	}
	return s.complaint
}

// A simulation that finds nothing might look at nothing: without one of what the controllers rely on it has to find
// something.
func TestTheSimulationNoticesWhatIsMissing(t *testing.T) {
	drop := func(change func(pod *corev1.Pod)) func(*simulation) {
		return func(s *simulation) {
			s.cache.Trims = append(s.cache.Trims, func(object any) (any, error) {
				if pod, ok := object.(*corev1.Pod); ok {
					change(pod)
				}
				return object, nil
			})
		}
	}
	for name, without := range map[string]func(*simulation){
		"reads that see our own writes": func(s *simulation) { s.forgetful = true },
		"the claims of Pods in the cache, and their conditions": drop(func(pod *corev1.Pod) {
			pod.Spec.Volumes, pod.Status.Conditions = nil, nil
		}),
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(150) {
				if simulate(t, seed, without) != "" {
					return
				}
			}
			t.Error("150 histories without it, and nothing goes wrong")
		})
	}
}

// settle ends all faults, but at times the policy of one namespace, and lets everything happen that is due until
// nothing does. Time passes only until something is due: what nobody looks at again by himself is never done.
func (s *simulation) settle() {
	s.say("all faults end")
	s.calm, s.webhook.down, s.cache.Deaf = true, false, false
	s.refusing, s.idle = s.refusing && s.chance(50), map[types.UID]string{}
	clear(s.nodes.Flaky)
	s.asleep = false
	clear(s.nodes.Broken)
	if s.chance(50) {
		clear(s.noPullers)
	}
	s.openBudgets()
	s.uncordon()
	for i := range 5 {
		name := fmt.Sprintf("n%d", i+1)
		s.trouble(name, world.Well)
		if s.nodes.LostNodes[name] {
			s.nodes.LoseNode(name, false)
		}
	}
	for _, key := range []world.Key{agentKey, meshKey} {
		image := key.Name + ":final"
		s.editSidecars(key, image, func(spec *v1beta1.SidecarSetSpec) {
			spec.Containers[0].Image, spec.UpdateStrategy.Paused, spec.UpdateStrategy.Partition = image, false, ptr.To(intstr.FromInt32(0))
			if spec.UpdateStrategy.MaxUnavailable.IntValue() == 0 {
				spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromInt32(1))
			}
		})
	}
	for _, key := range []world.Key{webKey, dbKey} {
		s.editSet(key, "app:final", func(spec *v1beta1.StatefulSetSpec) {
			spec.Template.Spec.Containers[0].Image, spec.UpdateStrategy.RollingUpdate.Paused = "app:final", false
			spec.UpdateStrategy.RollingUpdate.Partition = ptr.To[int32](0)
		})
	}
	s.rest("does not converge")
}

// rest lets everything happen that is due until all is as it should be and nothing has changed for five
// minutes.
func (s *simulation) rest(complaint string) {
	changed, version := s.Now(), s.Version()
	for end := s.Now().Add(2 * time.Hour); ; {
		for range 60 {
			if !s.round() {
				break
			}
		}
		if s.Version() != version {
			changed, version = s.Now(), s.Version()
		}
		next, due := s.next()
		switch {
		case s.complaint != "":
			return
		case len(s.missing()) == 0 && (!due || next.After(changed.Add(5*time.Minute))):
			return
		case s.recreated():
			continue
		case !due:
			s.fail("%s, and nothing is due: %s", complaint, strings.Join(s.missing(), "; "))
		case next.After(end):
			s.fail("%s within 2 hours: %s", complaint, strings.Join(s.missing(), "; "))
		}
		s.Pass(max(next.Sub(s.Now()), 0))
	}
}

// recreated is a person who has the Pods created anew that a set says it cannot bring up to date. Where a set is stuck and
// Pods wait for another domain, the order of domains goes: one that cannot finish holds the next. Where a set is stuck,
// a Pod with an earlier version of it is down, and a policy is against its next change, the policy goes: that Pod may have
// the share of maxUnavailable that the others wait for.
func (s *simulation) recreated() (done bool) {
	for _, key := range []world.Key{agentKey, meshKey} {
		set := s.sidecarSet(key)
		if set.Status.ObservedGeneration != set.Generation {
			continue
		}
		if stuck(set) && set.Spec.UpdateStrategy.TopologyKey != "" {
			s.editSidecars(key, "no order of domains", func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.TopologyKey = "" })
			done = true
		}
		if stuck(set) && s.refusing && s.keptDown(set) {
			s.refusing, done = false, true
			s.say("person: nothing is against changes in namespace %s any more", kept)
		}
		if !limited(set) {
			continue
		}
		for _, pod := range s.Pods() {
			if _, injected := sidecarRevisions(pod)[set.Name]; injected && !current(set, pod) && pod.DeletionTimestamp == nil {
				s.say("person: deletes %s, which cannot be brought up to date in place", pod.Name)
				s.Delete(world.Pod, client.ObjectKeyFromObject(pod))
				done = true
			}
		}
	}
	return done
}

// keptDown reports whether a Pod of namespace kept does not serve, with an earlier version of a set.
func (s *simulation) keptDown(set *v1beta1.SidecarSet) bool {
	return slices.ContainsFunc(s.Pods(), func(pod *corev1.Pod) bool {
		_, injected := sidecarRevisions(pod)[set.Name]
		return pod.Namespace == kept && injected && !serves(pod) && !current(set, pod)
	})
}

// stuck reports whether a set says that it does not get on.
func stuck(set *v1beta1.SidecarSet) bool {
	c := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionStalled)
	return c != nil && c.Status == metav1.ConditionTrue && c.Reason == v1beta1.ReasonProgressDeadlineExceeded
}

// round lets everybody act once and reports whether anything happened.
func (s *simulation) round() bool {
	before := s.Version()
	s.webhook.learn()
	s.cache.Sync()
	looked := false
	for ready := s.process.ready(); len(ready) > 0; ready = s.process.ready() {
		c, request := ready[0]()
		s.lookAt(c, request, false)
		s.check()
		s.cache.Sync()
		looked = true
	}
	s.workloads()
	s.sayIf(s.Disruptions()...)
	s.sayIf(s.nodes.Collect(world.Claim, world.Pod, world.SchedPatch)...)
	s.sayIf(s.nodes.Volumes()...)
	for _, pod := range s.workers() {
		s.program(pod)
	}
	for _, pod := range s.Pods() {
		s.kubelet(pod)
	}
	return looked || s.Version() != before
}

// kubelet leaves out Pods that have not changed since it had nothing to do.
func (s *simulation) kubelet(pod *corev1.Pod) {
	if s.idle[pod.UID] == pod.ResourceVersion && pod.Spec.NodeName != "" {
		return
	}
	key := client.ObjectKeyFromObject(pod)
	s.sayIf(s.nodes.Kubelet(key))
	if now := s.Pod(key); now != nil && now.ResourceVersion == pod.ResourceVersion {
		s.idle[pod.UID] = pod.ResourceVersion
	}
}

// next is when the next look of any controller is due.
func (s *simulation) next() (next time.Time, due bool) {
	for _, c := range s.process.controllers {
		if at, ok := c.queue.Next(); ok && (!due || at.Before(next)) {
			next, due = at, true
		}
	}
	return next, due
}

// missing is what is not as it should be. In a namespace whose Pods a policy keeps from being changed that is anything
// goes.
func (s *simulation) missing() (out []string) {
	for _, pod := range s.Pods() {
		if pod.Namespace == kept && s.refusing {
			continue
		}
		if pull.Is(pod) {
			out = append(out, pod.Name+" is left, which pulls an image")
			continue
		}
		if open := sidecar.OpenUpdates(pod); len(open) > 0 {
			out = append(out, fmt.Sprintf("%s is held by %v", pod.Name, open))
		}
		if !serves(pod) {
			out = append(out, pod.Name+" does not serve")
		}
		for _, key := range []world.Key{agentKey, meshKey} {
			set := s.sidecarSet(key)
			if _, injected := sidecarRevisions(pod)[set.Name]; injected && !current(set, pod) {
				out = append(out, fmt.Sprintf("%s has another version of %s", pod.Name, set.Name))
			}
		}
	}
	for _, key := range []world.Key{webKey, dbKey} {
		if key != dbKey || !s.refusing {
			out = append(out, s.missingOf(s.statefulSet(key))...)
		}
	}
	for _, key := range []world.Key{agentKey, meshKey} {
		set := s.sidecarSet(key)
		if c := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionReady); !s.refusing && (c == nil || c.Status != metav1.ConditionTrue) {
			out = append(out, fmt.Sprintf("SidecarSet %s is not ready: %+v", set.Name, c))
		}
	}
	return out
}

func (s *simulation) missingOf(set *v1beta1.StatefulSet) (out []string) {
	for ordinal := range int(*set.Spec.Replicas) {
		pod := s.Pod(world.Key{Namespace: set.Namespace, Name: fmt.Sprintf("%s-%d", set.Name, ordinal)})
		if pod == nil {
			out = append(out, fmt.Sprintf("there is no %s-%d", set.Name, ordinal))
		} else if image := containerOf(pod, "app").Image; image != "app:final" {
			out = append(out, fmt.Sprintf("%s has %s", pod.Name, image))
		}
	}
	pods := 0
	for _, pod := range s.Pods() {
		if metav1.IsControlledBy(pod, set) {
			pods++
		}
	}
	if pods != int(*set.Spec.Replicas) {
		out = append(out, fmt.Sprintf("%s has %d Pods of %d", set.Name, pods, *set.Spec.Replicas))
	}
	if c := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionReady); c == nil || c.Status != metav1.ConditionTrue {
		out = append(out, fmt.Sprintf("StatefulSet %s is not ready: %+v", set.Name, c))
	}
	return out
}

// quiet lets a day and a half pass, in which what is remembered ends, and then looks at everything: nothing is written,
// and nobody has written into what the cache holds.
func (s *simulation) quiet() {
	for range 2 {
		s.Pass(18 * time.Hour)
		s.rest("does not come to rest again")
	}
	if s.complaint != "" {
		return
	}
	for range 3 {
		s.Pass(10 * time.Minute)
		for _, c := range s.process.controllers {
			for _, request := range s.everything(c) {
				before := len(s.client.Requests)
				s.lookAt(c, request, false)
				if wrote := s.client.Requests[before:]; len(wrote) > 0 && !(s.refusing) {
					s.fail("%s %s writes though nothing has happened: %v", c.Name, requestName(request), wrote)
				}
			}
		}
	}
	s.cache.Sync()
	if object := s.cache.Unmodified(s.Store); object != "" {
		s.fail("somebody has written into %s in the cache", object)
	}
}

// everything are the requests for all objects of a controller.
func (s *simulation) everything(c *running) (out []reconcile.Request) {
	kind := world.KindOf(s.T, c.Watches[0].Object)
	for _, object := range s.cache.Objects(kind) {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)})
	}
	return out
}
