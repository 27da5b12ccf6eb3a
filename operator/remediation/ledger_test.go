// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// liar is a SchedPatch as somebody writes it who may write StatefulSets and SchedPatches in one namespace: in all that
// can be seen it is one of ours.
func liar(set *v1beta1.StatefulSet, record Record) *v1alpha1.SchedPatch {
	s := &Snapshot{Input: Input{Set: set}, Now: build.Epoch}
	record.unify()
	patch := s.patchFor(&record)
	patch.UID, patch.Generation = "forged", 1
	return patch
}

// storm is a record of many nodes excluded and many Pods deleted just now.
func storm(nodes []string) Record {
	out := Record{}
	for i, node := range nodes {
		out.Exclusions = append(out.Exclusions, exclusion(node, 0, 20*time.Hour))
		out.Attempts = append(out.Attempts, attempt(i, 1, 0, "pod-"+node, node))
	}
	return out
}

// A record can be written by whoever may write SchedPatches somewhere. Whatever it says, Pods of other sets are moved
// all the same.
func TestAForgedRecordSwitchesOffNobodysRemediation(t *testing.T) {
	names := manyNodes(5)
	for name, change := range map[string]func(*v1alpha1.SchedPatch, *v1beta1.StatefulSet){
		"as we would write it": func(*v1alpha1.SchedPatch, *v1beta1.StatefulSet) {},
		"with another rule than it": func(p *v1alpha1.SchedPatch, _ *v1beta1.StatefulSet) {
			p.Spec.Affinity = nil
			p.Spec.NodeSelector = map[string]string{"a": "b"}
		},
		"of a set that does not exist": func(p *v1alpha1.SchedPatch, _ *v1beta1.StatefulSet) { p.OwnerReferences[0].UID = "none" },
		"of no set":                    func(p *v1alpha1.SchedPatch, _ *v1beta1.StatefulSet) { p.OwnerReferences = nil },
		"of a set that is switched off": func(_ *v1alpha1.SchedPatch, set *v1beta1.StatefulSet) {
			set.Spec.AutoRemediation.Enabled = false
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSimulation(t, 1, names...)
			w.Troubles["n1"] = world.NoPull
			forger := w.add("liar", 0)
			patch := liar(forger, storm(names[1:]))
			change(patch, forger)
			w.Add(patch)
			w.add("victim", 4)
			w.run(15 * time.Minute)
			if len(w.deletions) == 0 || w.deletions[0].set != "victim" {
				t.Errorf("no Pod of the victim was moved; its condition is %+v", w.results["victim"].Condition)
			}
			if got := w.ledger().Sets["default/liar"]; len(got.Excluded)+len(got.Begun) > 0 {
				t.Errorf("the forged record came into the ledger: %+v", got)
			}
		})
	}
}

// ledger is the stored one.
func (w *simulation) ledger() Ledger {
	w.T.Helper()
	s := &Snapshot{}
	w.must(w.operator.gatherer.ledger(w.T.Context(), s))
	return s.Ledger
}

// The set whose record it is may be held up by it, and what is entered for it then is what is done, and no more.
func TestOnlyDeedsAreEntered(t *testing.T) {
	key := "default/web"
	for name, test := range map[string]struct {
		scene *scene
		want  map[string]Account
	}{
		"a Pod is about to be deleted": {
			newScene("n1", "n2").running("n2").failing("n1", long),
			map[string]Account{key: {map[string]metav1.Time{"n1": at(time.Hour)}, map[types.UID]metav1.Time{"web-1-uid": at(0)}}},
		},
		"a record that says what was never done": {
			newScene(manyNodes(20)...).running("n2").recorded(storm([]string{"n7", "n8"})).ledger(Ledger{}), nil,
		},
		"an attempt that nobody has entered is entered before its Pod is deleted": {
			newScene("n1", "n2").running("n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}}).served().ledger(Ledger{}),
			map[string]Account{key: {map[string]metav1.Time{"n1": at(time.Hour)}, map[types.UID]metav1.Time{"web-1-uid": at(0)}}},
		},
		"no exclusion is entered for longer than a day": {
			newScene("n1", "n2").running("n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", 0, 400*time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}}).served().ledger(Ledger{}),
			map[string]Account{key: {map[string]metav1.Time{"n1": at(24 * time.Hour)}, map[types.UID]metav1.Time{"web-1-uid": at(0)}}},
		},
		"a record makes no exclusion last longer": {
			newScene("n1", "n2", "n3").running("n2").recorded(Record{[]Exclusion{exclusion("n1", 0, 20*time.Hour)}, nil}).
				ledger(Ledger{map[string]Account{key: {Excluded: map[string]metav1.Time{"n1": at(time.Hour)}}}}), nil,
		},
		"a person removed the entry": {
			newScene("n1", "n2").running("n2").recorded(Record{[]Exclusion{exclusion("n1", -time.Hour, -time.Second)}, nil}).
				ledger(Ledger{map[string]Account{key: {Excluded: map[string]metav1.Time{"n1": at(time.Hour)}}}}),
			map[string]Account{key: {Excluded: map[string]metav1.Time{"n1": at(0)}, Begun: map[types.UID]metav1.Time{}}},
		},
		"another set has no SchedPatch any more": {
			newScene("n1", "n2").running("n2").with(func(s *Snapshot) {
				s.Ledger = Ledger{map[string]Account{"shop/db": {Excluded: map[string]metav1.Time{"n2": at(time.Hour), "n1": at(-6 * time.Minute)}}}}
				s.Unpatched = map[string]bool{"shop/db": true}
			}),
			map[string]Account{"shop/db": {Excluded: map[string]metav1.Time{"n2": at(0)}}},
		},
		"another set is gone": {
			newScene("n1", "n2").running("n2").with(func(s *Snapshot) {
				s.Ledger = Ledger{map[string]Account{"shop/db": {map[string]metav1.Time{"n2": at(time.Hour)}, map[types.UID]metav1.Time{"p": at(-time.Second)}}}}
				s.Gone, s.Unpatched = map[string]bool{"shop/db": true}, map[string]bool{"shop/db": true}
			}),
			map[string]Account{"shop/db": {map[string]metav1.Time{}, map[types.UID]metav1.Time{"p": at(-time.Second)}}},
		},
		"what is over is not worth a write": {
			newScene("n1", "n2").running("n2").with(func(s *Snapshot) {
				s.Ledger = Ledger{map[string]Account{"shop/db": {Excluded: map[string]metav1.Time{"n1": at(-time.Hour)}, Begun: map[types.UID]metav1.Time{"p": at(-time.Hour)}}}}
			}), nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			plan := decide(test.scene.snapshot)
			var got map[string]Account
			if plan.Ledger != nil {
				got = plan.Ledger.Sets
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ledger to be written (-want +got):\n%s", diff)
			}
			if plan.Ledger != nil && (plan.Delete != nil || plan.Ask) {
				t.Error("something is done before it is entered")
			}
		})
	}
}

// ledger puts another ledger in place of what goes with the record.
func (sc *scene) ledger(ledger Ledger) *scene {
	sc.snapshot.Ledger = ledger
	return sc
}

// Nobody gets more Pods deleted in a minute by taking things out of a record, or by entering there that his turn has
// come.
func TestARecordDoesNotDecideOnThePace(t *testing.T) {
	full := Record{}
	for i := range 5 {
		full.begin(attempt(i, 1, -time.Duration(i)*time.Second, "", "n5"))
	}
	for name, record := range map[string]Record{
		"an empty record":                {},
		"a turn that was never entered":  {[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}},
		"an attempt that is yet to come": {[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, time.Hour, "web-1-uid", "n1")}},
	} {
		t.Run(name, func(t *testing.T) {
			sc := newScene("n1", "n2").running("n2").failing("n1", long)
			if !record.Empty() {
				sc.recorded(record).served().ledger(Ledger{})
			}
			plan := decide(sc.others(full).snapshot)
			if plan.Delete != nil || plan.Cases[0].keptBy() != v1beta1.ReasonRateLimited {
				t.Errorf("gate %q, deletion %v", plan.Cases[0].keptBy(), plan.Delete)
			}
		})
	}
}

func TestWhatALedgerIs(t *testing.T) {
	written := Ledger{map[string]Account{"shop/db": {map[string]metav1.Time{"n1": at(0)}, map[types.UID]metav1.Time{"uid": at(time.Minute)}}}}
	const text = `{"sets":{"shop/db":{"excluded":{"n1":"2026-01-02T03:04:05Z"},"begun":{"uid":"2026-01-02T03:05:05Z"}}}}`
	if diff := cmp.Diff(text, written.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	read, err := ParseLedger(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, read.String()); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	if _, err := ParseLedger("[]"); err == nil {
		t.Error("a list is taken for a ledger")
	}
	if empty, err := ParseLedger(""); err != nil || !cmp.Equal(empty, Ledger{}) {
		t.Errorf("nothing is %v, %v", empty, err)
	}
	if !json.Valid([]byte(Ledger{}.String())) {
		t.Error("an empty ledger is no JSON")
	}
}

func leaseWith(ledger string) *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: "windlass-system", Name: LedgerName, Annotations: map[string]string{ledgerAnnotation: ledger},
	}}
}

// Without a ledger no limit of the whole cluster would hold.
func TestALedgerThatCannotBeReadStopsEverything(t *testing.T) {
	w := newSimulation(t, 1, "n1", "n2")
	w.Troubles["n1"] = world.NoPull
	w.add("web", 2)
	w.run(time.Second)
	w.Add(leaseWith("[]"))
	w.run(15 * time.Minute)
	if len(w.deletions) > 0 {
		t.Errorf("Pods were deleted: %+v", w.deletions)
	}
	if c := w.results["web"].Condition; c == nil || c.Status != metav1.ConditionFalse || c.Reason != v1beta1.ReasonCannotExclude {
		t.Errorf("condition %+v", c)
	}
}
