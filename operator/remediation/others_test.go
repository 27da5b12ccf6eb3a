package remediation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// A record can switch auto remediation off in the whole cluster, and SchedPatches
// can be written by many.
func TestWhoseRecordsAreBelieved(t *testing.T) {
	outForADay, days := exclusion("n1", 0, 24*time.Hour), exclusion("n2", 0, 48*time.Hour)
	unknown := exclusion("n9", 0, time.Hour)
	done, toCome := attempt(0, 1, -time.Minute, "", "n1"), attempt(1, 1, time.Hour, "", "n1")
	for name, test := range map[string]struct {
		record Record
		change func(*v1alpha1.SchedPatch)
		want   []Record
	}{
		"one that we made": {Record{[]Exclusion{outForADay}, []Attempt{done}}, nil, []Record{{[]Exclusion{outForADay}, []Attempt{done}}}},
		"a node that does not exist": {
			Record{[]Exclusion{outForADay, unknown}, nil}, nil, []Record{{[]Exclusion{outForADay}, nil}},
		},
		"a node is out for longer than we exclude any": {
			Record{[]Exclusion{outForADay, days}, nil}, nil, []Record{{[]Exclusion{outForADay}, nil}},
		},
		"a deletion in an hour": {
			Record{[]Exclusion{outForADay}, []Attempt{done, toCome}}, nil, []Record{{[]Exclusion{outForADay}, []Attempt{done}}},
		},
		"a name that we do not give": {
			Record{[]Exclusion{outForADay}, nil}, func(p *v1alpha1.SchedPatch) { p.Name = "mine" }, nil,
		},
		"nobody's": {
			Record{[]Exclusion{outForADay}, nil}, func(p *v1alpha1.SchedPatch) { p.OwnerReferences = nil }, nil,
		},
		"one of another kind of StatefulSet": {
			Record{[]Exclusion{outForADay}, nil}, func(p *v1alpha1.SchedPatch) { p.OwnerReferences[0].APIVersion = "apps/v1" }, nil,
		},
		"one that a Deployment controls": {
			Record{[]Exclusion{outForADay}, nil}, func(p *v1alpha1.SchedPatch) { p.OwnerReferences[0].Kind = "Deployment" }, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, "n1", "n2")
			set := w.add("web", 1)
			patch := &v1alpha1.SchedPatch{ObjectMeta: metav1.ObjectMeta{
				Namespace: "default", Name: "db-remediation", UID: "another",
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(build.MakeStatefulSet("db").Obj(), v1beta1.GroupVersion.WithKind("StatefulSet"))},
				Annotations:     map[string]string{v1beta1.RemediationExclusionsAnnotation: test.record.String()},
			}}
			if test.change != nil {
				test.change(patch)
			}
			w.must(w.store.Create(t.Context(), patch))
			s, err := w.operator.gatherer.snapshot(t.Context(), w.facts(set), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, s.Others); diff != "" {
				t.Errorf("believed of others (-want +got):\n%s", diff)
			}
		})
	}
}
