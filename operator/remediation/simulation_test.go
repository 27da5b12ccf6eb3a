// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// end is what a scenario comes to.
type end struct {
	// Deleted is how many Pods the operator deleted.
	Deleted int
	// Ready is how many Pods serve.
	Ready int
	// Condition is status and reason of Remediating of the first set.
	Condition string
	// Failing reports whether its Pods start on no node.
	Failing bool
	// LastResort reports whether excluded nodes are avoided, and not forbidden.
	LastResort bool
}

func (w *simulation) end() end {
	e := end{Deleted: len(w.deletions)}
	for _, set := range w.sets {
		for _, pod := range w.input(set).Pods {
			if pod.Ready {
				e.Ready++
			}
		}
	}
	if v := w.results[w.sets[0].Name]; v != nil {
		e.Failing = v.AllNodesFailing != ""
		e.LastResort = len(w.exclusions()) > 0 && lastResort(w.served[types.NamespacedName{Namespace: "default", Name: PatchName(w.sets[0].Name)}])
		if v.Condition != nil {
			e.Condition = string(v.Condition.Status) + " " + v.Condition.Reason
		}
	}
	return e
}

// scenarios are the page's, each with what it must come to.
var scenarios = map[string]struct {
	nodes int
	play  func(w *simulation)
	want  end
}{
	"one bad node": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.add("web", 3)
		w.run(20 * time.Minute)
	}, end{Deleted: 1, Ready: 3, Condition: "True NodeExcluded"}},
	"one bad node, and Pods are made one after the other": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.add("web", 3, func(s *v1beta1.StatefulSet) { s.Spec.PodManagementPolicy = "OrderedReady" })
		w.run(30 * time.Minute)
	}, end{Deleted: 1, Ready: 3, Condition: "True NodeExcluded"}},
	"one node that makes no sandbox": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoSandbox
		w.add("web", 3)
		w.run(20 * time.Minute)
	}, end{Deleted: 1, Ready: 3, Condition: "True NodeExcluded"}},
	"wrong tag everywhere": {3, func(w *simulation) {
		w.Broken["app:1"] = true
		w.add("web", 3)
		w.run(30 * time.Hour)
	}, end{Deleted: 0, Condition: "False AllNodesFailing", Failing: true}},
	"wrong tag everywhere, one Pod": {3, func(w *simulation) {
		w.Broken["app:1"] = true
		w.add("web", 1)
		w.run(30 * time.Hour)
	}, end{Deleted: 1, Condition: "False AllNodesFailing", Failing: true}},
	"wrong tag everywhere, and Pods are made one after the other": {3, func(w *simulation) {
		w.Broken["app:1"] = true
		w.add("web", 3, func(s *v1beta1.StatefulSet) { s.Spec.PodManagementPolicy = "OrderedReady" })
		w.run(time.Hour)
	}, end{Deleted: 1, Condition: "False AllNodesFailing", Failing: true}},
	"registry outage that ends": {3, func(w *simulation) {
		w.Broken["app:1"] = true
		w.add("web", 3)
		w.run(20 * time.Minute)
		delete(w.Broken, "app:1")
		w.run(5 * time.Minute)
	}, end{Deleted: 0, Ready: 3}},
	"registry outage": {12, func(w *simulation) { // the worst that can be: one Pod at a time says
		set := w.add("web", 3)
		w.run(5 * time.Minute)
		w.ail(world.NoPull)
		set.Spec.Replicas = ptr.To[int32](4)
		w.run(40 * time.Minute)
	}, end{Deleted: 1, Ready: 3, Condition: "False AllNodesFailing", Failing: true}},
	"registry outage, and many Pods are added": {12, func(w *simulation) {
		set := w.add("web", 3)
		w.run(5 * time.Minute)
		w.ail(world.NoPull)
		set.Spec.Replicas = ptr.To[int32](6)
		w.run(time.Hour)
		w.ail(world.Well)
		w.run(5 * time.Minute)
	}, end{Ready: 6}},
	"wrong tag everywhere, then the right one": {3, func(w *simulation) {
		w.Broken["app:1"] = true
		set := w.add("web", 3)
		w.run(20 * time.Minute)
		set.Spec.Template.Spec.Containers[0].Image = "app:2"
		set.Generation++
		w.run(5 * time.Minute)
	}, end{Deleted: 0, Ready: 3}},
	"slow pull for 20 min": {3, func(w *simulation) {
		w.Troubles["n1"] = world.Trickles
		w.add("web", 3)
		w.run(20 * time.Minute)
	}, end{Ready: 2}},
	"crash loop": {3, func(w *simulation) {
		w.add("web", 3, func(s *v1beta1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Image = "app" + world.CrashTag })
		w.run(20 * time.Minute)
	}, end{}},
	"local volume": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.add("web", 3)
		w.pin("web-0", "n1")
		w.run(20 * time.Minute)
	}, end{Ready: 2, Condition: "False StoragePinned"}},
	"single node": {1, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.add("web", 1)
		w.run(20 * time.Minute)
	}, end{Condition: "False TooFewNodes"}},
	"a node that refuses every Pod": {3, func(w *simulation) {
		w.Troubles["n1"] = world.Refuses
		w.add("web", 3)
		w.run(10 * time.Minute)
	}, end{Deleted: 1, Ready: 3, Condition: "True NodeExcluded"}},
	"30 % of the nodes bad": {30, func(w *simulation) {
		for _, name := range manyNodes(9) {
			w.Troubles[name] = world.NoPull
		}
		w.Lucky = true
		w.add("web", 30, func(s *v1beta1.StatefulSet) {
			s.Spec.AutoRemediation.MaxExcludedNodes = ptr.To(intstr.FromString("50%"))
		})
		w.run(50 * time.Minute)
	}, end{Deleted: 6, Ready: 27, Condition: "False StormActive"}},
	"30 % of the nodes bad, and a set may exclude 20 % of them": {30, func(w *simulation) {
		for _, name := range manyNodes(9) {
			w.Troubles[name] = world.NoPull
		}
		w.Lucky = true
		w.add("web", 30)
		w.run(50 * time.Minute)
	}, end{Deleted: 6, Ready: 27, Condition: "False NodeLimit"}},
	"a Pod that meets one bad node after the other": {30, func(w *simulation) {
		for _, name := range manyNodes(9) {
			w.Troubles[name] = world.NoPull
		}
		w.add("web", 30, func(s *v1beta1.StatefulSet) {
			s.Spec.AutoRemediation.MaxExcludedNodes = ptr.To(intstr.FromString("50%"))
		})
		w.run(22 * time.Minute)
	}, end{Deleted: 4, Ready: 21, Condition: "True NodeExcluded"}}, // three times the first Pod, and then the next one
	"a replacement that is slow keeps the others waiting": {3, func(w *simulation) {
		w.Troubles["n1"], w.Troubles["n2"] = world.NoPull, world.Trickles
		w.add("web", 6)
		w.run(40 * time.Minute)
	}, end{Deleted: 1, Ready: 2, Condition: "True NodeExcluded"}},
	"many sets on one bad node": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		for i := range 12 {
			w.add(fmt.Sprintf("set%d", i), 2)
		}
		w.run(12 * time.Minute)
	}, end{Deleted: 8, Ready: 24, Condition: "True NodeExcluded"}},
	"node rebooted": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.add("web", 3)
		w.run(10 * time.Minute)
		w.change("n1", func(n *corev1.Node) { n.Status.NodeInfo.BootID = "again" })
		w.run(time.Minute)
	}, end{Deleted: 1, Ready: 3}},
	"operator killed between two steps": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.kill, w.killAfter = 1, true // the exclusion is recorded, and nothing has been deleted
		w.add("web", 3)
		w.run(20 * time.Minute)
	}, end{Deleted: 1, Ready: 3, Condition: "True NodeExcluded"}},
	"Karpenter serves its API": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.mapper.err = nil
		w.add("web", 3)
		w.run(20 * time.Minute)
	}, end{Deleted: 1, Ready: 3, Condition: "True NodeExcluded", LastResort: true}},
	"webhooks down": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.down = true
		w.add("web", 3)
		w.run(20 * time.Minute)
	}, end{Ready: 2, Condition: "True NodeExcluded"}},
	"webhooks down, and the SchedPatch is refused": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.down, w.refuse = true, true
		w.add("web", 3)
		w.run(20 * time.Minute)
	}, end{Ready: 2, Condition: "False CannotExclude"}},
	"webhooks down for a while": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.down, w.refuse = true, true
		w.add("web", 3)
		w.run(20 * time.Minute)
		w.down, w.refuse = false, false
		w.run(2 * time.Minute)
	}, end{Deleted: 1, Ready: 3, Condition: "True NodeExcluded"}},
	"webhooks down for longer than a probe lasts": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.down = true
		w.add("web", 1)
		w.run(30 * time.Minute)
		w.down = false
		w.run(time.Minute)
	}, end{Deleted: 1, Ready: 1, Condition: "True NodeExcluded"}},
	"a policy forbids to delete the Pods of as many sets as are served in a minute": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		for i := range maxDeletes {
			name := fmt.Sprintf("set%d", i)
			w.protected[name] = true
			w.add(name, 3)
		}
		w.add("web", 3)
		w.run(18 * time.Minute)
	}, end{Deleted: 1, Ready: 2*maxDeletes + 3, Condition: "False Backoff"}},
	"a policy forbids to delete Pods for a while": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.protected["web"] = true
		w.add("web", 2)
		w.run(10 * time.Minute)
		clear(w.protected)
		w.run(5 * time.Minute)
	}, end{Deleted: 1, Ready: 2, Condition: "True NodeExcluded"}},
	"paused": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.add("web", 3, func(s *v1beta1.StatefulSet) { s.Spec.UpdateStrategy.RollingUpdate.Paused = true })
		w.run(20 * time.Minute)
	}, end{Ready: 2, Condition: "False Paused"}},
	"an exclusion keeps a Pod from the only node left": {2, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		set := w.add("web", 2)
		w.run(10 * time.Minute)
		w.Troubles["n1"] = world.Well
		w.change("n2", func(n *corev1.Node) { n.Spec.Unschedulable = true })
		w.Delete(world.Pod, client.ObjectKeyFromObject(w.pods(set)["web-0"]))
		w.run(5 * time.Minute)
	}, end{Deleted: 2, Ready: 2}}, // one that was stuck, and one that had found no node
	"a replacement that may run on the excluded node alone": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.spread = true
		w.add("web", 3)
		w.run(6 * time.Minute)
		w.Troubles["n1"] = world.Well
		w.run(3 * time.Minute)
	}, end{Deleted: 2, Ready: 3}},
	"a replacement that may run on the excluded node alone, which stays bad": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.spread = true
		w.add("web", 3)
		w.run(time.Hour)
	}, end{Deleted: 6, Ready: 2, Condition: "False RetryLimit"}}, // three times a stuck Pod, and each time the one that found no node
	"a person deletes the SchedPatch while a Pod finds no node": {3, func(w *simulation) {
		w.Troubles["n1"] = world.NoPull
		w.spread = true
		set := w.add("web", 3)
		w.run(330 * time.Second)
		w.Troubles["n1"] = world.Well
		w.forget(set)
		w.run(3 * time.Minute)
	}, end{Deleted: 2, Ready: 3}},
}

// pin lets a Pod have a volume that one node alone has.
func (w *simulation) pin(pod, node string) {
	pv := localVolume(node)
	w.Add(pv)
	w.Add(&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "data-" + pod}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: pv.Name},
	})
}

// ail gives all nodes the same trouble.
func (w *simulation) ail(trouble world.Trouble) {
	for name := range w.Troubles {
		w.Troubles[name] = trouble
	}
}

func (w *simulation) change(node string, change func(*corev1.Node)) {
	w.T.Helper()
	world.Change(w.Store, world.Node, types.NamespacedName{Name: node}, change)
}

func TestScenarios(t *testing.T) {
	for name, test := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newSimulation(t, 1, manyNodes(test.nodes)...)
			test.play(w)
			if diff := cmp.Diff(test.want, w.end()); diff != "" {
				t.Errorf("end (-want +got):\n%s\n%+v", diff, w.results["web"])
			}
			if before := w.writes; !w.refuse {
				w.step(time.Second)
				w.step(time.Second)
				if w.writes != before {
					t.Errorf("%d writes, and nothing has changed", w.writes-before)
				}
			}
		})
	}
}

// Whenever the operator is killed, it ends as if it had not been: no Pod is deleted a second time, and no exclusion is
// lost.
func TestScenariosWithTheOperatorKilledAtEachWrite(t *testing.T) {
	for _, name := range []string{"one bad node", "wrong tag everywhere, one Pod", "a node that refuses every Pod", "webhooks down for a while"} {
		test := scenarios[name]
		for write := 1; write <= 8; write++ {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, killed at write %d, after it: %t", name, write, after), func(t *testing.T) {
					t.Parallel()
					w := newSimulation(t, 1, manyNodes(test.nodes)...)
					w.kill, w.killAfter = write, after
					test.play(w)
					if diff := cmp.Diff(test.want, w.end()); diff != "" {
						t.Errorf("end (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

func TestAllNodesFailingIsToldInTime(t *testing.T) {
	w := newSimulation(t, 1, "n1", "n2", "n3")
	w.Broken["app:1"] = true
	w.add("web", 1)
	w.run(2 * 300 * time.Second) // twice stuckSeconds
	if diff := cmp.Diff(end{Deleted: 1, Condition: "False AllNodesFailing", Failing: true}, w.end()); diff != "" {
		t.Errorf("end (-want +got):\n%s", diff)
	}
}

// An exclusion that is over lets Pods back, its record is kept for a day, and then nothing is left.
func TestTheLifeOfAnExclusion(t *testing.T) {
	w := newSimulation(t, 1, "n1", "n2", "n3")
	w.Troubles["n1"] = world.NoPull
	w.add("web", 3)
	type life struct {
		Excluded, Stored, InForce bool
	}
	look := func() life {
		patch := world.Get[*v1alpha1.SchedPatch](w.Store, world.SchedPatch, types.NamespacedName{Namespace: "default", Name: "web-remediation"})
		return life{
			Excluded: len(w.exclusions()) > 0, Stored: patch != nil,
			InForce: patch != nil && patch.Spec.ExpiresAt.After(w.Now()),
		}
	}
	for _, moment := range []struct {
		after time.Duration
		want  life
	}{
		{2 * time.Minute, life{}},
		{8 * time.Minute, life{Excluded: true, Stored: true, InForce: true}},
		{70 * time.Minute, life{Stored: true}},
		{20 * time.Hour, life{Stored: true}},
		{6 * time.Hour, life{}},
	} {
		w.run(moment.after)
		if diff := cmp.Diff(moment.want, look()); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", w.Now(), diff)
		}
	}
}
