// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// decisions are what is decided at the moment that matters in each scenario that auto remediation is made for. Each is
// also played to its end, under the same name, in scenarios.
var decisions = map[string]struct {
	scene *scene
	want  outcome
}{
	"one bad node": {
		newScene("n1", "n2").running("n2").failing("n1", long),
		outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write"},
	},
	"wrong tag everywhere": {
		newScene("n1", "n2", "n3").failing("n1", long).failing("n2", long),
		outcome{Condition: "False AllNodesFailing", Failing: true},
	},
	"registry outage": {
		newScene("n1", "n2", "n3").runningSince("n3", time.Hour).failing("n1", long).failing("n2", long),
		outcome{Condition: "False AllNodesFailing", Failing: true},
	},
	"slow pull for 20 min": {
		newScene("n1", "n2").running("n2").put(waiting("web-1", "n1", build.Epoch.Add(-20*time.Minute), "ContainerCreating", "")), outcome{},
	},
	"crash loop": {
		newScene("n1", "n2").running("n2").put(crashed("web-1", "n1")), outcome{},
	},
	"local volume": {
		newScene("n1", "n2").running("n2").failing("n1", long).volume(localVolume("n1")),
		outcome{Condition: "False StoragePinned"},
	},
	"single node": {
		newScene("n1").failing("n1", long), outcome{Condition: "False TooFewNodes"},
	},
	"30 % of the nodes bad": {
		newScene(manyNodes(30)...).running("n10").failing("n7", long).failing("n8", long).failing("n9", long).
			settings(func(a *v1beta1.AutoRemediation) { a.MaxExcludedNodes = ptr.To(intstr.FromString("50%")) }).
			recorded(Record{excludedForAnHour(manyNodes(6)), nil}),
		outcome{Condition: "False StormActive", Excluded: manyNodes(6)},
	},
	"node rebooted": {
		newScene("n1", "n2").running("n2").recorded(Record{[]Exclusion{exclusion("n1", -time.Minute, time.Hour)}, nil}).
			node("n1", func(n *corev1.Node) { n.Status.NodeInfo.BootID = "again" }),
		outcome{Next: "write"},
	},
	"operator killed between two steps": {
		newScene("n1", "n2").running("n2").failing("n1", long).
			recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}}).served(),
		outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "delete web-1"},
	},
	"webhooks down": {
		newScene("n1", "n2").running("n2").failing("n1", long).
			recorded(Record{[]Exclusion{exclusion("n1", -time.Minute, time.Hour)}, []Attempt{attempt(1, 1, -time.Minute, "web-1-uid", "n1")}}).
			served().with(func(s *Snapshot) { s.Served.Missing = "no ready replica" }),
		outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}},
	},
	"paused": {
		newScene("n1", "n2").running("n2").failing("n1", long).
			with(func(s *Snapshot) { s.Set.Spec.UpdateStrategy.RollingUpdate.Paused = true }),
		outcome{Condition: "False Paused"},
	},
	"Karpenter serves its API": {
		newScene("n1", "n2").running("n2").failing("n1", long).with(func(s *Snapshot) { s.Karpenter = true }),
		outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, LastResort: true, Next: "write"},
	},
}

func excludedForAnHour(nodes []string) (out []Exclusion) {
	for _, name := range nodes {
		out = append(out, exclusion(name, -time.Minute, time.Hour))
	}
	return out
}

func TestDecisionsOfTheScenarios(t *testing.T) {
	for name, test := range decisions {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, outcomeOf(test.scene.snapshot, decide(test.scene.snapshot))); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if _, played := scenarios[name]; !played {
				t.Error("it is not played to its end")
			}
		})
	}
}

// A start says something about nodes only if it is no older than the trouble.
func TestOldStartsDoNotBlameANode(t *testing.T) {
	for name, test := range map[string]struct {
		scene *scene
		want  outcome
	}{
		"one node fails: nothing speaks for an outage": {
			newScene("n1", "n2").runningSince("n2", time.Hour).failing("n1", long),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write"},
		},
		"another one had failed before": {
			newScene(manyNodes(10)...).runningSince("n2", time.Hour).failing("n1", 310*time.Second).
				recorded(Record{[]Exclusion{exclusion("n3", -315*time.Second, time.Hour)}, []Attempt{attempt(1, 1, -315*time.Second, "gone", "n3")}}),
			outcome{Condition: "False AllNodesFailing", Excluded: []string{"n3"}, Next: "write", Failing: true},
		},
		"another one had failed before, and one has started since": {
			newScene(manyNodes(10)...).runningSince("n2", 10*time.Minute).failing("n1", 310*time.Second).
				recorded(Record{[]Exclusion{exclusion("n3", -315*time.Second, time.Hour)}, []Attempt{attempt(1, 1, -315*time.Second, "gone", "n3")}}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1", "n3"}, Next: "write"},
		},
		"made at once, and one started a moment before the others began to wait": {
			newScene(manyNodes(10)...).runningSince("n3", long+59*time.Second).failing("n1", long).failing("n2", long),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write"},
		},
		"started well before the others began to wait": {
			newScene(manyNodes(10)...).runningSince("n3", long+61*time.Second).failing("n1", long).failing("n2", long),
			outcome{Condition: "False AllNodesFailing", Failing: true},
		},
		"a container that was only restarted since": {
			newScene(manyNodes(10)...).running("n3").last(func(p *Pod) { p.Status.ContainerStatuses[0].RestartCount = 1 }).
				failing("n1", long).failing("n2", long),
			outcome{Condition: "False AllNodesFailing", Failing: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, outcomeOf(test.scene.snapshot, decide(test.scene.snapshot))); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}
