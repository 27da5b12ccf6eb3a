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
			w := newWorld(t, uint64(seed)+1, manyNodes(4+seed%8)...)
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
func (w *world) happens() {
	names := manyNodes(len(w.nodes))
	node, set := names[w.random.IntN(len(names))], w.sets[w.random.IntN(len(w.sets))]
	switch w.random.IntN(40) {
	case 0, 1, 2, 23, 24, 25, 26, 27:
		w.nodes[node] = []ail{noPull, noTake, trickles, noPods}[w.random.IntN(4)]
	case 3, 4, 28, 29:
		w.nodes[node] = well
	case 5:
		w.change(node, func(n *corev1.Node) { n.Status.NodeInfo.BootID += "+" })
	case 6:
		w.change(node, func(n *corev1.Node) { n.Spec.Unschedulable = w.random.IntN(3) == 0 })
	case 7:
		w.brokenImages[set.Spec.Template.Spec.Containers[0].Image] = true
	case 8, 37:
		clear(w.brokenImages)
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
		w.made++
		set.Spec.Template.Spec.Containers[0].Image = fmt.Sprintf("app:%d", w.made)
		set.Generation++
	case 20:
		rolling := set.Spec.UpdateStrategy.RollingUpdate
		rolling.Paused = w.random.IntN(3) == 0
	case 22:
		w.protected[set.Name] = !w.protected[set.Name]
	case 21, 30, 31, 32, 33, 34, 35, 36: // somebody deletes a Pod
		for _, pod := range w.pods(set) {
			w.must(w.store.Delete(w.t.Context(), pod))
			return
		}
	}
}

// forget deletes the SchedPatch of a set, as a person may.
func (w *world) forget(set *v1beta1.StatefulSet) {
	patch := &v1alpha1.SchedPatch{}
	if err := w.store.Get(w.t.Context(), types.NamespacedName{Namespace: set.Namespace, Name: PatchName(set.Name)}, patch); err == nil {
		w.must(w.store.Delete(w.t.Context(), patch))
		w.resets[set.Name]++
	}
}

// edit takes all rules out of the SchedPatch of a set, as a person may.
func (w *world) edit(set *v1beta1.StatefulSet) {
	patch := &v1alpha1.SchedPatch{}
	if err := w.store.Get(w.t.Context(), types.NamespacedName{Namespace: set.Namespace, Name: PatchName(set.Name)}, patch); err == nil {
		patch.Spec.Affinity, patch.Spec.NodeSelector = nil, map[string]string{"os": "linux"}
		patch.Generation++
		w.must(w.store.Update(w.t.Context(), patch))
	}
}

// fewEnough counts the nodes that each set excludes.
func (w *world) fewEnough() {
	w.t.Helper()
	list := &v1alpha1.SchedPatchList{}
	w.must(w.store.List(w.t.Context(), list, client.InNamespace("default")))
	for i := range list.Items {
		record, err := ParseRecord(list.Items[i].Annotations[v1beta1.RemediationExclusionsAnnotation])
		w.must(err)
		if n, most := len(record.actives(w.clock.Now())), max(1, len(w.nodes)/5); n > most {
			w.t.Fatalf("SchedPatch %s excludes %d nodes of %d", list.Items[i].Name, n, len(w.nodes))
		}
	}
}

// heal makes everything well.
func (w *world) heal() {
	for name := range w.nodes {
		w.nodes[name] = well
		w.change(name, func(n *corev1.Node) { n.Spec.Unschedulable = false })
	}
	clear(w.brokenImages)
	clear(w.protected)
	w.down, w.lag, w.refuse, w.stale, w.kill = false, false, false, false, 0
	for _, set := range w.sets {
		set.Spec.UpdateStrategy.RollingUpdate.Paused = false
	}
}

func (w *world) allServe() {
	w.t.Helper()
	for _, set := range w.sets {
		input := w.input(set)
		if len(input.Pods) != len(input.Ordinals) {
			w.t.Errorf("%s has %d Pods of %d", set.Name, len(input.Pods), len(input.Ordinals))
		}
		for _, pod := range input.Pods {
			if !pod.Ready {
				w.t.Errorf("Pod %s does not serve: %+v; %+v", pod.Name, classify(pod.Pod), w.results[set.Name])
			}
		}
	}
}
