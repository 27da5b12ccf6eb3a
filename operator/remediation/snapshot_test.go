// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// A volume that has vanished pins its own Pod, and nothing else.
func TestALostVolumeHoldsNoOtherPodUp(t *testing.T) {
	w := newSimulation(t, 1, "n1", "n2", "n3")
	w.Troubles["n1"] = world.NoPull
	w.add("web", 6)
	w.pin("web-0", "n1")
	w.run(time.Second)
	w.Delete(world.Volume, types.NamespacedName{Name: localVolume("n1").Name})
	w.run(30 * time.Minute)
	if diff := cmp.Diff(end{Deleted: 1, Ready: 5, Condition: "False StoragePinned"}, w.end()); diff != "" {
		t.Errorf("end (-want +got):\n%s", diff)
	}
	const words = "claim data-web-0 is bound to volume pv-n1, which does not exist any more"
	if got := w.results["web"].Condition.Message; !strings.Contains(got, words) {
		t.Errorf("message: %s, want in it: %s", got, words)
	}
}

func TestPodsThatMustStayKeepNoOtherWaiting(t *testing.T) {
	for name, block := range map[string]func(sc *scene){
		"their node is not Ready": func(sc *scene) {
			sc.node("n1", func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown })
		},
		"their node is skipped": func(sc *scene) { annotate(sc.snapshot.Nodes["n1"], v1beta1.SkipRemediationAnnotation, "true") },
		"they are being deleted": func(sc *scene) {
			for i := range maxDetails {
				sc.snapshot.Pods[i].DeletionTimestamp = ptr.To(at(0))
			}
		},
		"they were replaced too often": func(sc *scene) {
			for i := range maxDetails {
				sc.snapshot.Record.begin(attempt(i, 3, -time.Hour, "", "n1"))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			sc := newScene("n1", "n2", "n3")
			for range maxDetails {
				sc.failing("n1", long)
			}
			sc.failing("n2", long).running("n3")
			block(sc)
			if diff := cmp.Diff([]int{10, 0, 1, 2, 3, 4, 5, 6, 7, 8}, newPlanner(sc.snapshot).needDetails()); diff != "" {
				t.Errorf("Pods to read details of (-want +got):\n%s", diff)
			}
		})
	}
}
