// SPDX-License-Identifier: Apache-2.0

package command

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/remediation"
)

func exclusion(node string, since time.Duration, change ...func(*remediation.Exclusion)) remediation.Exclusion {
	e := remediation.Exclusion{
		Node: node, Hostname: node, Reason: "ErrImagePull", Key: remediation.Key{Revision: "web-2", Image: "web:2"},
		FirstSeen: *ago(since), Expires: metav1.NewTime(now.Add(time.Hour)), Strikes: 1,
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

// excluding is the SchedPatch of a set's auto remediation, whose rule names some nodes.
func excluding(nodes []string, exclusions ...remediation.Exclusion) *v1alpha1.SchedPatch {
	record := remediation.Record{Exclusions: exclusions}
	patch := build.MakeSchedPatch("web-remediation").Target("apps.kruise.io/v1beta1", "StatefulSet", "web").
		RequiredTerm(corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpNotIn, Values: nodes}).Obj()
	patch.Annotations = map[string]string{v1beta1.RemediationExclusionsAnnotation: record.String()}
	return patch
}

func TestExclusions(t *testing.T) {
	over := func(e *remediation.Exclusion) { e.Expires = *ago(time.Minute) }
	probe := func(e *remediation.Exclusion) { e.Probe, e.Key.Image, e.Reason = true, "", "FailedCreatePodSandBox" }
	patch := excluding([]string{"node-1", "node-2"}, exclusion("node-1", 5*time.Minute), exclusion("node-2", time.Minute, probe),
		exclusion("node-3", 2*time.Minute), exclusion("node-4", 0, over))
	w := newWorld(t, patch, unseenPatch())
	w.check("exclusions", result{Out: `
NODE     STATEFULSET   SINCE   ENDS IN   TIMES   WHY
node-1   asts/web      5m      60m       1       ErrImagePull (web:2)
node-2   asts/web      60s     60m       1       FailedCreatePodSandBox; tried elsewhere once
node-3   asts/web      2m      60m       1       ErrImagePull (web:2); lifted, about to end
`})
	w.check("exclusions -A -o name", result{Out: "node/node-1\nnode/node-2\nnode/node-3\n"})
	w.check("exclusions -n empty", result{Out: "No node is excluded in namespace empty.\n"})
	broken := build.MakeSchedPatch("broken").Obj()
	broken.Annotations = map[string]string{v1beta1.RemediationExclusionsAnnotation: "[]"}
	if got := newWorld(t, broken).run("exclusions"); got.Out != "No node is excluded in namespace default.\n" || got.Err == "" {
		t.Errorf("%+v", got)
	}
}

func TestLift(t *testing.T) {
	w := newWorld(t, excluding([]string{"node-1", "node-2"}, exclusion("node-1", 5*time.Minute), exclusion("node-2", time.Minute)))
	values := func() any {
		patch := stored(w, &v1alpha1.SchedPatch{}, "web-remediation")
		if required := patch.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
			return required.NodeSelectorTerms[0].MatchExpressions[0].Values
		}
		return nil
	}
	w.check("exclusions --lift node-9", result{Code: 1, Err: "error: node node-9 is not excluded in namespace default\n"})
	lifted := func(node string) string {
		return "Node " + node + " is lifted for asts/web in namespace default: the operator ends the exclusion when it looks next. " +
			"Should Pods fail there again, it is excluded again, for longer.\n"
	}
	w.check("exclusions --lift node-1", result{Out: lifted("node-1")})
	if diff := cmp.Diff(any([]string{"node-2"}), values()); diff != "" {
		t.Errorf("nodes that are left (-want +got):\n%s", diff)
	}
	w.check("exclusions --lift node-1", result{Out: "Node node-1 is being lifted for asts/web in namespace default already.\n"})
	w.check("exclusions --lift node-2", result{Out: lifted("node-2")}) // a SchedPatch without any rule would be refused
	patch := stored(w, &v1alpha1.SchedPatch{}, "web-remediation")
	if node := patch.Spec.Affinity.NodeAffinity; node.RequiredDuringSchedulingIgnoredDuringExecution != nil ||
		len(node.PreferredDuringSchedulingIgnoredDuringExecution) != 1 {
		t.Errorf("what is left: %v", patch.Spec.Affinity)
	}
}
