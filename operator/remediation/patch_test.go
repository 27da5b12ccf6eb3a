// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
)

func TestTheSchedPatchOfAnExclusion(t *testing.T) {
	sc := newScene("n1", "n2").running("n2").failing("n1", long)
	got := decide(sc.snapshot).Write
	if diff := cmp.Diff([]metav1.OwnerReference{*metav1.NewControllerRef(sc.snapshot.Set, v1beta1.GroupVersion.WithKind("StatefulSet"))}, got.OwnerReferences); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	if want := "web-remediation"; got.Name != want || got.Namespace != "default" {
		t.Errorf("it is %s/%s, not default/%s", got.Namespace, got.Name, want)
	}
	if diff := cmp.Diff(at(time.Hour+time.Minute), *got.Spec.ExpiresAt); diff != "" {
		t.Errorf("end (-want +got):\n%s", diff)
	}
	if _, err := schedpatch.Compile(got); err != nil {
		t.Errorf("it would be refused: %v", err)
	}
}

// However a Node is labelled, the rules keep Pods off it and off no other.
func TestNodesAreExcludedByWhatIsTheirsAlone(t *testing.T) {
	hostname := corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpNotIn, Values: []string{"n1.example"}}
	name := corev1.NodeSelectorRequirement{Key: "metadata.name", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"n1"}}
	for title, test := range map[string]struct {
		change func(n1, n3 *corev1.Node)
		want   corev1.NodeSelectorTerm
	}{
		"by its hostname label": {func(_, _ *corev1.Node) {}, corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{hostname}}},
		"by its name, without the label": {
			func(n1, _ *corev1.Node) { n1.Labels = nil }, corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{name}},
		},
		"by its name, when another Node has the same hostname": {
			func(n1, n3 *corev1.Node) { n3.Labels = n1.Labels }, corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{name}},
		},
	} {
		t.Run(title, func(t *testing.T) {
			sc := newScene("n1", "n2", "n3").running("n2").failing("n1", long)
			test.change(sc.snapshot.Nodes["n1"], sc.snapshot.Nodes["n3"])
			patch := decide(sc.snapshot).Write
			got := patch.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
			if diff := cmp.Diff([]corev1.NodeSelectorTerm{test.want}, got); diff != "" {
				t.Errorf("terms (-want +got):\n%s", diff)
			}
			if _, err := schedpatch.Compile(patch); err != nil {
				t.Errorf("it would be refused: %v", err)
			}
			sc.snapshot.Patch, sc.snapshot.Record = patch, decide(sc.snapshot).Record
			if again := decide(sc.snapshot); again.Write != nil {
				t.Errorf("the same is written again:\n%s", cmp.Diff(patch, again.Write))
			}
		})
	}
}

// Every SchedPatch that is ever written must be one that the API server takes, also when nothing is excluded any more.
func TestASchedPatchWithoutExclusionsHasEnded(t *testing.T) {
	for name, record := range map[string]Record{
		"an exclusion that is over":  {[]Exclusion{exclusion("n1", -2*time.Hour, -time.Hour)}, nil},
		"nothing but an attempt":     {nil, []Attempt{attempt(0, 1, -time.Minute, "", "n1")}},
		"an exclusion without label": {[]Exclusion{exclusion("n1", -2*time.Hour, -time.Hour, func(e *Exclusion) { e.Hostname = "" })}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			sc := newScene("n1", "n2").recorded(record)
			patch, err := schedpatch.Compile(sc.snapshot.Patch)
			if err != nil {
				t.Fatalf("it would be refused: %v", err)
			}
			if patch.ActiveAt(at(0)) {
				t.Error("it is still applied")
			}
		})
	}
}
