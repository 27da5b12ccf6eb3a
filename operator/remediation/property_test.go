// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// Whatever happens, in whatever order: no Pod is deleted of which a container has started, none that would go back to
// its node, never more than the limits, and once all is well again every Pod serves.
func TestRandomHistories(t *testing.T) {
	histories := 6
	if testing.Short() {
		histories = 2
	}
	for seed := range histories {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newSimulation(t, uint64(seed)+1, manyNodes(4+seed%8)...)
			for i := range 1 + seed%4 {
				w.add(fmt.Sprintf("set%d", i), int32(2+w.random.IntN(5)), func(s *v1beta1.StatefulSet) {
					s.Spec.AutoRemediation.StuckSeconds, s.Spec.AutoRemediation.ExclusionSeconds = 60, int32(60+w.random.IntN(1200))
					if w.random.IntN(3) == 0 {
						s.Spec.PodManagementPolicy = "OrderedReady"
					}
				})
			}
			for range 150 {
				if w.random.IntN(2) == 0 {
					w.happens()
				}
				w.step(time.Duration(3+w.random.IntN(40)) * time.Second)
				w.fewEnough()
			}
			w.heal()
			for range 60 {
				w.step(2 * time.Minute)
			}
			w.allServe()
		})
	}
}

// happens lets something happen, or nothing.
func (w *simulation) happens() {
	names := manyNodes(len(w.Troubles))
	node, set := names[w.random.IntN(len(names))], w.sets[w.random.IntN(len(w.sets))]
	switch w.random.IntN(40) {
	case 0, 1, 2, 23, 24, 25, 26, 27:
		w.Troubles[node] = []world.Trouble{world.NoPull, world.Refuses, world.Trickles, world.NoSandbox}[w.random.IntN(4)]
	case 3, 4, 28, 29:
		w.Troubles[node] = world.Well
	case 5:
		w.change(node, func(n *corev1.Node) { n.Status.NodeInfo.BootID += "+" })
	case 6:
		w.change(node, func(n *corev1.Node) { n.Spec.Unschedulable = w.random.IntN(3) == 0 })
	case 7:
		w.Broken[set.Spec.Template.Spec.Containers[0].Image] = true
	case 8, 37:
		clear(w.Broken)
	case 9:
		w.down = w.random.IntN(3) == 0
	case 10:
		w.lag = w.random.IntN(3) == 0
	case 11:
		w.refuse = w.random.IntN(3) == 0
	case 12, 13, 14, 38, 39:
		w.kill, w.killAfter = w.writes+1+w.random.IntN(3), w.random.IntN(2) == 0
	case 15:
		w.restart()
	case 16:
		w.stale = !w.stale
	case 17:
		w.forget(set)
	case 18:
		w.edit(set)
	case 19:
		w.images++
		set.Spec.Template.Spec.Containers[0].Image = fmt.Sprintf("app:%d", w.images+1)
		set.Generation++
	case 20:
		rolling := set.Spec.UpdateStrategy.RollingUpdate
		rolling.Paused = w.random.IntN(3) == 0
	case 22:
		w.protected[set.Name] = !w.protected[set.Name]
	case 21, 30, 31, 32, 33, 34, 35, 36: // somebody deletes a Pod
		for _, pod := range w.pods(set) {
			w.Delete(world.Pod, client.ObjectKeyFromObject(pod))
			return
		}
	}
}

// patchKey is that of the SchedPatch of a set.
func patchKey(set *v1beta1.StatefulSet) types.NamespacedName {
	return types.NamespacedName{Namespace: set.Namespace, Name: PatchName(set.Name)}
}

// forget deletes the SchedPatch of a set, as a person may.
func (w *simulation) forget(set *v1beta1.StatefulSet) {
	if world.Get[*v1alpha1.SchedPatch](w.Store, world.SchedPatch, patchKey(set)) != nil {
		w.Delete(world.SchedPatch, patchKey(set))
		w.resets[set.Name]++
	}
}

// edit takes all rules out of the SchedPatch of a set, as a person may.
func (w *simulation) edit(set *v1beta1.StatefulSet) {
	if world.Get[*v1alpha1.SchedPatch](w.Store, world.SchedPatch, patchKey(set)) != nil {
		world.Change(w.Store, world.SchedPatch, patchKey(set), func(patch *v1alpha1.SchedPatch) {
			patch.Spec.Affinity, patch.Spec.NodeSelector = nil, map[string]string{"os": "linux"}
		})
	}
}

// fewEnough counts the nodes that each set excludes.
func (w *simulation) fewEnough() {
	w.T.Helper()
	for name, nodes := range w.exclusions() {
		if most := max(1, len(w.Troubles)/5); len(nodes) > most {
			w.T.Fatalf("SchedPatch %s excludes %d nodes of %d", name, len(nodes), len(w.Troubles))
		}
	}
}

// heal makes everything well.
func (w *simulation) heal() {
	for name := range w.Troubles {
		w.Troubles[name] = world.Well
		w.change(name, func(n *corev1.Node) { n.Spec.Unschedulable = false })
	}
	clear(w.Broken)
	clear(w.protected)
	w.down, w.lag, w.refuse, w.stale, w.kill = false, false, false, false, 0
	for _, set := range w.sets {
		set.Spec.UpdateStrategy.RollingUpdate.Paused = false
	}
}

func (w *simulation) allServe() {
	w.T.Helper()
	for _, set := range w.sets {
		input := w.input(set)
		if len(input.Pods) != len(input.Ordinals) {
			w.T.Errorf("%s has %d Pods of %d", set.Name, len(input.Pods), len(input.Ordinals))
		}
		for _, pod := range input.Pods {
			if !pod.Ready {
				w.T.Errorf("Pod %s does not serve: %+v; %+v", pod.Name, classify(&pod), w.results[set.Name])
			}
		}
	}
}
