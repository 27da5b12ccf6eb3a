// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// What a person reads at night, word for word.
func TestWhatTheConditionSays(t *testing.T) {
	for name, test := range map[string]struct {
		scene   *scene
		refused string
		want    string
	}{
		"about to be moved": {
			newScene("n1", "n2").running("n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}}).
				served().with(func(s *Snapshot) {
				s.Served.Missing = "the replica at 10.0.0.9:9443: it applies generation 1 and not 2 yet"
			}), "",
			"True NodeExcluded: Pod web-1 cannot start on node n1 since 2026-01-02T02:57:25Z: container app, image app:1: ImagePullBackOff: Back-off pulling image; " +
				"the same has started on node n2. Excluded by SchedPatch web-remediation: n1 until 2026-01-02T04:04:05Z. " +
				"Next: every webhook to serve it: the replica at 10.0.0.9:9443: it applies generation 1 and not 2 yet.",
		},
		"moved, and the new Pod is on its way": {
			newScene("n1", "n2").running("n2").put(waiting("web-1", "n3", at(0).Time, "ContainerCreating", "")).
				recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "gone", "n1")}}), "",
			"True NodeExcluded: Pod web-1 was deleted because of node n1. Excluded by SchedPatch web-remediation: n1 until 2026-01-02T04:04:05Z. " +
				"Next: the new Pod web-1 to be ready (node n3 pulls its image).",
		},
		"done": {
			newScene("n1", "n2").running("n2").with(func(s *Snapshot) { s.Set.Spec.AutoRemediation.ExclusionMode = v1beta1.ExclusionModePreferred }).
				recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, nil}), "",
			"True NodeExcluded: Last resort by SchedPatch web-remediation: n1 until 2026-01-02T04:04:05Z. No Pod waits for another node.",
		},
		"a gate": {
			newScene("n1").refused("n1", "OutOfcpu"), "",
			"False TooFewNodes: Pod web-0 cannot start on node n1 since 2026-01-02T03:04:05Z: OutOfcpu: Pod was rejected; the node refused it. It is not replaced, because " +
				"there is no other node, Ready and schedulable, that its node selector, affinity, tolerations and volumes allow; add or mend one.",
		},
		"a storm is told before the trouble of one Pod": {
			newScene("n1", "n2", "n3").running("n2").failing("n1", long).failing("n1", long).
				settings(func(a *v1beta1.AutoRemediation) { a.RetryLimit = ptr.To[int32](1) }).
				with(func(s *Snapshot) { s.Record.begin(attempt(1, 1, -time.Hour, "", "n1")) }).
				others(Record{Exclusions: []Exclusion{exclusion("n3", 0, time.Hour)}}), "",
			"False StormActive: Pod web-2 cannot start on node n1 since 2026-01-02T02:57:25Z: container app, image app:1: ImagePullBackOff: Back-off pulling image; " +
				"the same has started on node n2. It is not replaced, because of 3 nodes that are Ready and schedulable this many are excluded, or were within the last 5 minutes: 1; " +
				"beyond 20% something else than nodes is at fault, so look at network, registry and storage. Other stuck Pods: 1 (RetryLimit).",
		},
		"the API server refuses the SchedPatch": {
			newScene("n1", "n2").running("n2").failing("n1", long), "create SchedPatch web-remediation: no endpoints available",
			"False CannotExclude: SchedPatch web-remediation could not be written, so no Pod is deleted: create SchedPatch web-remediation: no endpoints available",
		},
		"nobody answers to the deletion of the Pod": {
			newScene("n1", "n2").running("n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}}).served(),
			"delete Pod web-1: connection refused",
			"False CannotExclude: Pod web-1 could not be deleted: delete Pod web-1: connection refused",
		},
		"the API server refuses to delete the Pod": {
			newScene("n1", "n2").running("n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}}).
				with(func(s *Snapshot) {
					s.Record.Attempts[0].Refusals, s.Record.Attempts[0].RefusedAt = 2, ptr.To(at(0))
					s.Record.Attempts[0].Refused = "Forbidden: delete Pod web-1: a policy forbids it"
				}), "",
			"False Backoff: Pod web-1 cannot start on node n1 since 2026-01-02T02:57:25Z: container app, image app:1: ImagePullBackOff: Back-off pulling image; " +
				"the same has started on node n2. It is not replaced, because its deletion was refused (Forbidden: delete Pod web-1: a policy forbids it); " +
				"see which policy or webhook forbids it: it is tried again not before 2026-01-02T03:06:05Z (refused so far: 2).",
		},
		"no node is to blame": {
			newScene("n1", "n2").failing("n1", long).failing("n2", long), "",
			"False AllNodesFailing: Pods of revision web-1 start on no node, so none is deleted: Pod web-0 on node n1 since 2026-01-02T02:57:25Z: " +
				"container app, image app:1: ImagePullBackOff: Back-off pulling image; the same fails on nodes n1, n2, and has started nowhere. Other stuck Pods: 1 (Global). " +
				"See whether the image exists and the registry answers; once the template is corrected, broken Pods are replaced at once.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := makeResult(test.scene.snapshot, decide(test.scene.snapshot), test.refused, false).Condition
			if c == nil {
				c = &metav1.Condition{}
			}
			if diff := cmp.Diff(test.want, string(c.Status)+" "+c.Reason+": "+c.Message); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
		})
	}
}
