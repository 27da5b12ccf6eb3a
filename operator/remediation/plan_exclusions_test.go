// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestWhatEndsAnExclusion(t *testing.T) {
	excluded := func() *scene {
		return newScene("n1", "n2", "n3").running("n2").recorded(Record{[]Exclusion{exclusion("n1", -time.Minute, time.Hour)}, nil})
	}
	startedAt := func(node string, offset time.Duration, restarts int32) *corev1.Pod {
		pod := build.MakePod("web-1").Obj()
		pod.Spec.NodeName = node
		pod.Status.ContainerStatuses[0].State.Running.StartedAt = at(offset)
		pod.Status.ContainerStatuses[0].RestartCount = restarts
		return pod
	}
	for name, test := range map[string]struct {
		scene *scene
		want  []string
	}{
		"nothing": {excluded(), nil},
		"the Node is gone": {
			excluded().with(func(s *Snapshot) { delete(s.Nodes, "n1") }), []string{"the Node is gone"},
		},
		"the Node was made anew": {
			excluded().node("n1", func(n *corev1.Node) { n.UID = "another" }), []string{"it is another Node of that name by now"},
		},
		"the Node was rebooted": {
			excluded().node("n1", func(n *corev1.Node) { n.Status.NodeInfo.BootID = "another" }), []string{"it was rebooted"},
		},
		"a new revision arrived": {
			excluded().with(func(s *Snapshot) { s.Revisions = []string{"web-2"} }), []string{"there is a new revision"},
		},
		"a new revision arrived, and the partition keeps the earlier one": {
			excluded().with(func(s *Snapshot) { s.Revisions = []string{"web-2", revision} }), nil,
		},
		"a person took it out of the rules": {
			excluded().with(func(s *Snapshot) {
				s.Patch.Spec.Affinity = nil
				s.Patch.Spec.NodeSelector = map[string]string{"a": "b"}
			}),
			[]string{"a person removed it from SchedPatch web-remediation"},
		},
		"a person took it out of the record": {
			excluded().with(func(s *Snapshot) { s.Record = Record{} }), nil, // there is nothing left to end
		},
		"the same has started there": {
			excluded().put(startedAt("n1", 0, 0)), []string{"Pod web-1 has started there"},
		},
		"the same had started there before": {excluded().put(startedAt("n1", -time.Hour, 0)), nil},
		"another Pod has started where one was refused": {
			newScene("n1", "n2", "n3").running("n2").recorded(Record{[]Exclusion{exclusion("n1", -time.Minute, time.Hour, refusal)}, nil}).put(startedAt("n1", 0, 0)), nil,
		},
		"the same was only restarted there":  {excluded().put(startedAt("n1", 0, 1)), nil},
		"the same has started on other node": {excluded().put(startedAt("n3", 0, 0)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			plan := decide(test.scene.snapshot)
			var got []string
			for _, e := range plan.Ended {
				got = append(got, e.Why)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ended (-want +got):\n%s", diff)
			}
			if stillOut := len(plan.Record.actives(test.scene.snapshot.Now)) > 0; stillOut != (len(test.want) == 0 && len(test.scene.snapshot.Record.Exclusions) > 0) {
				t.Errorf("is n1 still excluded? %t", stillOut)
			}
		})
	}
}

func TestAnEntryThatAPersonRemovesGoesFromTheRules(t *testing.T) {
	sc := newScene("n1", "n2", "n3").running("n2").recorded(Record{[]Exclusion{exclusion("n1", -time.Minute, time.Hour), exclusion("n3", -time.Minute, time.Hour)}, nil})
	sc.snapshot.Record.Exclusions = sc.snapshot.Record.Exclusions[1:]
	plan := decide(sc.snapshot)
	if plan.Write == nil {
		t.Fatal("the SchedPatch is left as it is")
	}
	want := sc.snapshot.affinity([]*Exclusion{{Node: "n3", Hostname: "n3.example"}})
	if diff := cmp.Diff(want, plan.Write.Spec.Affinity); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestExclusionsYieldToAPodThatFindsNoNode(t *testing.T) {
	older, newer := exclusion("n1", -20*time.Minute, time.Hour), exclusion("n2", -10*time.Minute, time.Hour)
	unschedulable := func(since time.Duration, change ...func(*scene)) *scene {
		sc := newScene("n1", "n2").recorded(Record{[]Exclusion{older, newer}, nil})
		sc.put(unscheduledPod("web-0", build.Epoch.Add(-since), sc.snapshot.Patch))
		for _, c := range change {
			c(sc)
		}
		return sc
	}
	for name, test := range map[string]struct {
		scene *scene
		want  outcome
	}{
		"for a minute: the oldest goes first": {
			unschedulable(61 * time.Second), outcome{Condition: "True NodeExcluded", Excluded: []string{"n2"}, Next: "write"},
		},
		"not for long yet": {
			unschedulable(59 * time.Second), outcome{Condition: "True NodeExcluded", Excluded: []string{"n1", "n2"}},
		},
		"it would not fit on the oldest": {
			unschedulable(61*time.Second, func(sc *scene) { sc.snapshot.Nodes["n1"].Spec.Unschedulable = true }),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write"},
		},
		"it would fit nowhere": {
			unschedulable(61*time.Second, func(sc *scene) { sc.last(func(p *Pod) { p.Spec.NodeSelector = map[string]string{"disk": "ssd"} }) }),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1", "n2"}},
		},
		"it does not carry the exclusions": {
			unschedulable(61*time.Second, func(sc *scene) { sc.last(func(p *Pod) { p.Spec.Affinity = nil }) }),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1", "n2"}},
		},
		"it carries one that is over: it is made anew": {
			unschedulable(61*time.Second, func(sc *scene) {
				pod := sc.snapshot.Pods[0].Pod
				sc.recorded(Record{[]Exclusion{exclusion("n1", -20*time.Minute, -time.Second), newer}, nil})
				sc.snapshot.Pods[0].Pod = pod
			}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n2"}, Next: "write"},
		},
		"it is to be made anew, recorded and served": {
			unschedulable(61*time.Second, func(sc *scene) {
				sc.recorded(Record{[]Exclusion{exclusion("n1", -20*time.Minute, -time.Second), newer}, []Attempt{attempt(0, 0, 0, "web-0-uid", "")}}).served()
			}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n2"}, Next: "delete web-0"},
		},
		"it carries one that nobody remembers: it is made anew": {
			unschedulable(61*time.Second, func(sc *scene) { sc.snapshot.Patch, sc.snapshot.Record = nil, Record{} }),
			outcome{Condition: "True NodeExcluded", Next: "write"},
		},
		"its template keeps it from the node": {
			unschedulable(61*time.Second, func(sc *scene) {
				sc.snapshot.Set.Spec.Template.Spec.Affinity = sc.snapshot.Patch.Spec.Affinity.DeepCopy()
				sc.snapshot.Patch, sc.snapshot.Record = nil, Record{}
			}),
			outcome{Next: "enter"}, // that n1 is excluded no more
		},
		"it carries the SchedPatch as it is, and would get the same rules again": {
			unschedulable(61*time.Second, func(sc *scene) {
				compiled, err := schedpatch.Compile(sc.snapshot.Patch)
				if err != nil {
					t.Fatal(err)
				}
				_, results := schedpatch.Merge(&schedpatch.Rules{}, []*schedpatch.Patch{compiled})
				annotation, _ := schedpatch.Marks(nil, results)
				annotate(sc.snapshot.Pods[0].Pod, v1beta1.SchedPatchesAnnotation, annotation)
				sc.snapshot.Record = Record{}
			}),
			outcome{Next: "remove"},
		},
		"the replacement of a deleted Pod carries one that is over: it is made anew": {
			unschedulable(61*time.Second, func(sc *scene) {
				pod := sc.snapshot.Pods[0].Pod
				sc.recorded(Record{[]Exclusion{exclusion("n1", -20*time.Minute, -time.Second), newer}, []Attempt{attempt(0, 1, -2*time.Minute, "gone", "n1")}}).served()
				sc.snapshot.Pods[0].Pod = pod
			}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n2"}, Next: "write"},
		},
		"it has got a node meanwhile": {
			unschedulable(61*time.Second, func(sc *scene) {
				sc.recorded(Record{[]Exclusion{exclusion("n1", -20*time.Minute, -time.Second), newer}, []Attempt{attempt(0, 0, -2*time.Minute, "web-0-uid", "")}}).served()
				sc.last(func(p *Pod) { p.Spec.NodeName = "n3" })
			}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n2"}, Next: "write"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, outcomeOf(test.scene.snapshot, decide(test.scene.snapshot))); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExclusionsLastLongerEachTime(t *testing.T) {
	for name, test := range map[string]struct {
		before   []Exclusion
		attempts []Attempt
		want     Exclusion
	}{
		"the first time": {nil, nil, exclusion("n1", 0, time.Hour)},
		"the second time": {
			[]Exclusion{exclusion("n1", -3*time.Hour, -2*time.Hour)}, nil,
			exclusion("n1", 0, 2*time.Hour, func(e *Exclusion) { e.Strikes = 2 }),
		},
		"the sixth time: a day": {
			[]Exclusion{exclusion("n1", -3*time.Hour, -2*time.Hour, func(e *Exclusion) { e.Strikes = 5 })}, nil,
			exclusion("n1", 0, 24*time.Hour, func(e *Exclusion) { e.Strikes = 6 }),
		},
		"the first time of another Node of that name": {
			[]Exclusion{exclusion("n1", -3*time.Hour, -2*time.Hour, func(e *Exclusion) { e.UID = "earlier" })}, nil, exclusion("n1", 0, time.Hour),
		},
		"still excluded: nothing is counted twice": {
			[]Exclusion{exclusion("n1", -time.Minute, time.Minute)}, nil, exclusion("n1", -time.Minute, time.Minute),
		},
		"the last time ended before any Pod was deleted: it does not count": {
			[]Exclusion{exclusion("n1", -3*time.Hour, -2*time.Hour)}, []Attempt{attempt(1, 1, -3*time.Hour, "web-1-uid", "n1")},
			exclusion("n1", 0, time.Hour),
		},
		"another Pod was deleted the last time: it counts": {
			[]Exclusion{exclusion("n1", -3*time.Hour, -2*time.Hour, deletedFor)}, []Attempt{attempt(1, 1, -3*time.Hour, "web-1-uid", "n1")},
			exclusion("n1", 0, 2*time.Hour, func(e *Exclusion) { e.Strikes = 2 }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			sc := newScene("n1", "n2").running("n2").failing("n1", long)
			if test.before != nil {
				sc.recorded(Record{test.before, test.attempts})
			}
			plan := decide(sc.snapshot)
			test.want.Reason = plan.Cases[0].Evidence.kubeletReason()
			if diff := cmp.Diff([]Exclusion{test.want}, plan.Record.Exclusions); diff != "" {
				t.Errorf("exclusions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAttemptsEndAndAreForgotten(t *testing.T) {
	readyFor := func(seconds int) *corev1.Pod {
		return build.MakePod("web-0").ReadySince(-time.Duration(seconds) * time.Second).Obj()
	}
	for name, test := range map[string]struct {
		scene *scene
		want  []Attempt
	}{
		"its Pod is gone, and there is no new one": {
			newScene("n1", "n2").missing().recorded(Record{nil, []Attempt{attempt(0, 1, -2*time.Minute, "gone", "n1")}}),
			[]Attempt{attempt(0, 1, -2*time.Minute, "gone", "n1")},
		},
		"the new Pod is ready": {
			newScene("n1", "n2").put(readyFor(60)).recorded(Record{nil, []Attempt{attempt(0, 1, -2*time.Minute, "gone", "n1")}}),
			[]Attempt{attempt(0, 1, -2*time.Minute, "", "n1")},
		},
		"the new Pod has been ready for an hour": {
			newScene("n1", "n2").put(readyFor(3600)).recorded(Record{nil, []Attempt{attempt(0, 1, -2*time.Hour, "", "n1")}}), nil,
		},
		"the new Pod pulls its image": {
			newScene("n1", "n2").put(waiting("web-0", "n2", build.Epoch.Add(-time.Hour), "ContainerCreating", "")).
				recorded(Record{nil, []Attempt{attempt(0, 1, -time.Hour, "gone", "n1")}}),
			[]Attempt{attempt(0, 1, -time.Hour, "gone", "n1")},
		},
		"the new Pod crashes: another node would not help": {
			newScene("n1", "n2").put(crashed("web-0", "n2")).recorded(Record{nil, []Attempt{attempt(0, 1, -2*time.Minute, "gone", "n1")}}),
			[]Attempt{attempt(0, 1, -2*time.Minute, "", "n1")},
		},
		"the ordinal is not wanted any more": {
			newScene("n1", "n2").recorded(Record{nil, []Attempt{attempt(0, 1, -2*time.Minute, "gone", "n1")}}), nil,
		},
		"a new revision, within the minute: it still counts against the pace": {
			newScene("n1", "n2").missing().recorded(Record{nil, []Attempt{attempt(0, 1, -30*time.Second, "gone", "n1")}}).
				with(func(s *Snapshot) { s.Revisions = []string{"web-2"} }),
			[]Attempt{attempt(0, 1, -30*time.Second, "", "n1")},
		},
		"a new revision, after the minute": {
			newScene("n1", "n2").missing().recorded(Record{nil, []Attempt{attempt(0, 1, -2*time.Minute, "gone", "n1")}}).
				with(func(s *Snapshot) { s.Revisions = []string{"web-2"} }), nil,
		},
		"its Pod has started, so nothing was deleted": {
			newScene("n1", "n2").put(readyFor(60)).recorded(Record{
				[]Exclusion{exclusion("n1", -2*time.Minute, time.Hour)}, []Attempt{attempt(0, 2, -2*time.Minute, "web-0-uid", "n1")},
			}),
			[]Attempt{attempt(0, 1, -2*time.Minute, "", "n1")},
		},
		"its exclusion is over, so nothing is deleted": {
			newScene("n1", "n2").failing("n1", long).recorded(Record{
				[]Exclusion{exclusion("n1", -2*time.Hour, -time.Hour)}, []Attempt{attempt(0, 1, -2*time.Hour, "web-0-uid", "n1")},
			}).with(func(s *Snapshot) { s.Set.Spec.UpdateStrategy.RollingUpdate.Paused = true }),
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, decide(test.scene.snapshot).Record.Attempts, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKarpenterMakesExclusionsAPreference(t *testing.T) {
	type shape struct{ Required, Preferred int }
	for name, test := range map[string]struct {
		mode      v1beta1.ExclusionModeType
		karpenter bool
		want      shape
	}{
		"Auto without Karpenter":     {v1beta1.ExclusionModeAuto, false, shape{1, 0}},
		"Auto with Karpenter":        {v1beta1.ExclusionModeAuto, true, shape{0, 1}},
		"Required with Karpenter":    {v1beta1.ExclusionModeRequired, true, shape{1, 0}},
		"Preferred without it":       {v1beta1.ExclusionModePreferred, false, shape{0, 1}},
		"nothing said, no Karpenter": {"", false, shape{1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			sc := newScene("n1", "n2").running("n2").failing("n1", long).with(func(s *Snapshot) { s.Karpenter = test.karpenter }).
				settings(func(a *v1beta1.AutoRemediation) { a.ExclusionMode = test.mode })
			got := shapeOf(decide(sc.snapshot).Write)
			if diff := cmp.Diff(test.want, shape(got)); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

func shapeOf(patch *v1alpha1.SchedPatch) (out struct{ Required, Preferred int }) {
	affinity := patch.Spec.Affinity.NodeAffinity
	if affinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		out.Required = len(affinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms)
	}
	out.Preferred = len(affinity.PreferredDuringSchedulingIgnoredDuringExecution)
	return out
}

// A replacement that is refused again keeps what was counted.
func TestOnePodCountsOnAcrossItsReplacements(t *testing.T) {
	sc := newScene(manyNodes(12)...).running("n2").failing("n3", long)
	sc.recorded(Record{[]Exclusion{exclusion("n1", -15*time.Minute, time.Hour)}, []Attempt{attempt(1, 1, -15*time.Minute, "gone", "n1")}})
	plan := decide(sc.snapshot)
	want := []Attempt{attempt(1, 2, 0, string(types.UID("web-1-uid")), "n3")}
	if diff := cmp.Diff(want, plan.Record.Attempts); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
}
