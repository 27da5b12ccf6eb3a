// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

const (
	long  = 400 * time.Second // longer than stuckSeconds
	short = 200 * time.Second
)

// Each scenario of auto remediation, as one decision.
func TestDecisions(t *testing.T) {
	for name, test := range map[string]struct {
		scene *scene
		want  outcome
	}{
		"a Pod that has not waited long enough is left alone": {
			newScene("n1", "n2").running("n2").failing("n1", short), outcome{},
		},
		"a recorded intent asks the webhooks before anything else": {
			newScene("n1", "n2").running("n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "ask"},
		},
		"webhooks that answered about an earlier version are asked again": {
			newScene("n1", "n2").running("n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}}).
				served().with(func(s *Snapshot) { s.Served.Generation-- }),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "ask"},
		},
		"an intent that had to wait counts anew before the deletion": {
			newScene("n1", "n2").running("n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", -time.Minute, time.Hour)}, []Attempt{attempt(1, 1, -time.Minute, "web-1-uid", "n1")}}).served(),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write"},
		},
		"killed after the deletion: no second one": {
			newScene("n1", "n2").running("n2").missing().
				recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}}).served(),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}},
		},
		"killed before the deletion, and the Pod has started since": {
			newScene("n1", "n2").running("n2").running("n1").
				recorded(Record{[]Exclusion{exclusion("n1", -time.Minute, time.Hour)}, []Attempt{attempt(1, 1, -time.Minute, "web-1-uid", "n1")}}).served(),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write"},
		},
		"no other Pod tells: the node is probed": {
			newScene("n1", "n2").failing("n1", long).missing(),
			outcome{Condition: "True Probing", Excluded: []string{"(n1)"}, Next: "write"},
		},
		"a Pod on another node will soon tell: nothing is done yet": {
			newScene("n1", "n2").failing("n1", long).failing("n2", short), outcome{},
		},
		"wrong tag everywhere, seen by a probe: it ends, and nothing more is deleted": {
			newScene("n1", "n2", "n3").failing("n2", 301*time.Second).
				recorded(Record{[]Exclusion{exclusion("n1", -305*time.Second, 295*time.Second, probe)}, []Attempt{attempt(0, 1, -305*time.Second, "gone", "n1")}}),
			outcome{Condition: "False AllNodesFailing", Failing: true, Next: "write"},
		},
		"the Pod of a probe waits less, so that all is told within twice stuckSeconds": {
			newScene("n1", "n2", "n3").failing("n2", 261*time.Second).
				recorded(Record{[]Exclusion{exclusion("n1", -271*time.Second, 329*time.Second, probe)}, []Attempt{attempt(0, 1, -271*time.Second, "gone", "n1")}}),
			outcome{Condition: "False AllNodesFailing", Failing: true, Next: "write"},
		},
		"the Pod of a probe waits half of stuckSeconds in any case": {
			newScene("n1", "n2", "n3").failing("n2", 149*time.Second).
				recorded(Record{[]Exclusion{exclusion("n1", -400*time.Second, 200*time.Second, probe)}, []Attempt{attempt(0, 1, -400*time.Second, "gone", "n1")}}),
			outcome{Condition: "True Probing", Excluded: []string{"(n1)"}},
		},
		"the Pod of a probe waits for all of stuckSeconds where the same has started, since it may be deleted": {
			newScene("n1", "n2", "n3").failing("n2", 261*time.Second).runningSince("n3", time.Minute).
				recorded(Record{[]Exclusion{exclusion("n1", -271*time.Second, 329*time.Second, probe, deletedFor)}, []Attempt{attempt(0, 1, -271*time.Second, "gone", "n1")}}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write"},
		},
		"wrong tag everywhere, for a day: what the probe told is not forgotten": {
			newScene("n1", "n2", "n3").failing("n2", 30*time.Hour).
				recorded(Record{[]Exclusion{exclusion("n1", -30*time.Hour-5*time.Second, -29*time.Hour, probe)}, []Attempt{attempt(0, 1, -30*time.Hour, "", "n1")}}),
			outcome{Condition: "False AllNodesFailing", Failing: true},
		},
		"a probe that proves the node becomes a full exclusion": {
			newScene("n1", "n2").running("n2").
				recorded(Record{[]Exclusion{exclusion("n1", -time.Minute, 9*time.Minute, probe)}, []Attempt{attempt(0, 1, -time.Minute, "gone", "n1")}}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write"},
		},
		"a probe whose Pod came back to the node is not repeated": {
			newScene("n1", "n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", -20*time.Minute, -10*time.Minute, probe, deletedFor)}, []Attempt{attempt(0, 1, -20*time.Minute, "", "n1")}}),
			outcome{Condition: "False Backoff"},
		},
		"a probe that ended before any Pod was deleted is repeated": {
			newScene("n1", "n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", -20*time.Minute, -10*time.Minute, probe)}, []Attempt{attempt(0, 1, -20*time.Minute, "web-0-uid", "n1")}}),
			outcome{Condition: "True Probing", Excluded: []string{"(n1)"}, Next: "write"},
		},
		"the same has started on this very node alone: nothing is deleted": {
			newScene("n1", "n2").running("n1").failing("n1", long), outcome{},
		},
		"invalid image name: left alone": {
			newScene("n1", "n2").running("n2").put(waiting("web-1", "n1", build.Epoch.Add(-long), "InvalidImageName", "")), outcome{},
		},
		"a Pod at another revision than it should have is the rollout's": {
			newScene("n1", "n2").running("n2").failing("n1", long).last(func(p *Pod) { p.Right, p.Revision = false, "web-0" }), outcome{},
		},
		"a Pod that is being changed in place is left alone": {
			newScene("n1", "n2").running("n2").failing("n1", long).last(func(p *Pod) { p.Changing = true }), outcome{},
		},
		"refused by the kubelet: no peers and no waiting": {
			newScene("n1", "n2").refused("n1", "OutOfcpu"),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write", Held: []types.UID{"web-0-uid"}},
		},
		"refused, and a gate forbids: the set's planner replaces it": {
			newScene("n1").refused("n1", "NodeAffinity"), outcome{Condition: "False TooFewNodes"},
		},
		"sandbox trouble on two nodes: nothing is deleted": {
			newScene(manyNodes(10)...).missing().put(noSandbox("web-1", "n2")).
				recorded(Record{[]Exclusion{exclusion("n1", -30*time.Minute, 30*time.Minute, sandbox)}, []Attempt{attempt(0, 1, -30*time.Minute, "", "n1")}}),
			outcome{Condition: "False AllNodesFailing", Excluded: []string{"n1"}, Failing: true},
		},
		"two refused on an excluded node: both are held until the webhooks serve": {
			newScene("n1", "n2").refused("n1", "OutOfpods").refused("n1", "OutOfpods").
				recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour, refusal)}, []Attempt{attempt(0, 1, 0, "web-0-uid", "n1")}}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "ask", Held: []types.UID{"web-0-uid", "web-1-uid"}},
		},
		"sandbox trouble needs a Pod of the revision that has started elsewhere": {
			newScene("n1", "n2").running("n2").put(noSandbox("web-1", "n1")),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write"},
		},
		"disabled: the SchedPatch goes": {
			newScene("n1", "n2").failing("n1", long).recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, nil}).
				settings(func(a *v1beta1.AutoRemediation) { a.Enabled = false }),
			outcome{Next: "remove"},
		},
		"nothing left to remember: the SchedPatch goes": {
			newScene("n1", "n2").running("n2").recorded(Record{[]Exclusion{exclusion("n1", -26*time.Hour, -25*time.Hour)}, nil}),
			outcome{Next: "remove"},
		},
		"an exclusion that is over is remembered, and kept as it is": {
			newScene("n1", "n2").running("n2").recorded(Record{[]Exclusion{exclusion("n1", -3*time.Hour, -2*time.Hour)}, nil}), outcome{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, outcomeOf(test.scene.snapshot, decide(test.scene.snapshot))); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

// That a kubelet refuses Pods says nothing about sandboxes.
func TestARefusalIsNotTakenForSandboxTrouble(t *testing.T) {
	nodes := manyNodes(10)
	refused := decide(newScene(nodes...).refused("n1", "OutOfcpu").snapshot).Record
	refused.Attempts = nil // the Pod was replaced meanwhile
	sc := newScene(nodes...).missing().put(noSandbox("web-1", "n2")).recorded(refused)
	want := outcome{Condition: "True NodeExcluded", Excluded: []string{"n1", "(n2)"}, Next: "write"}
	if diff := cmp.Diff(want, outcomeOf(sc.snapshot, decide(sc.snapshot))); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
}

func sandbox(e *Exclusion) { e.Key.Image = "" }

func refusal(e *Exclusion) { e.Key = Key{Revision: revision, Refused: true} }

func crashed(name, node string) *corev1.Pod {
	pod := waiting(name, node, build.Epoch.Add(-long), "CrashLoopBackOff", "back-off")
	pod.Status.ContainerStatuses[0].RestartCount = 4
	pod.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1}
	return pod
}

func noSandbox(name, node string) *corev1.Pod {
	pod := scheduled(name, node, build.Epoch.Add(-long))
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionFalse, LastTransitionTime: at(-long),
	})
	return pod
}

func TestNamesOfNodes(t *testing.T) {
	for want, test := range map[string]struct {
		names []string
		but   string
	}{
		"node a":                         {[]string{"a"}, ""},
		"node b":                         {[]string{"a", "b"}, "a"},
		"nodes a, b":                     {[]string{"a", "b"}, "c"},
		"nodes a, b, c, d, e":            {[]string{"a", "b", "c", "d", "e", "f"}, "f"},
		"nodes b, c, d, e, f":            {[]string{"a", "b", "c", "d", "e", "f"}, "a"},
		"nodes a, b, d, e, f and 2 more": {[]string{"a", "b", "c", "d", "e", "f", "g", "h"}, "c"},
		"nodes a, b, c, d, e and 1 more": {[]string{"a", "b", "c", "d", "e", "f"}, ""},
	} {
		if got := nodes(test.names, test.but); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
