// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestEffectWarnings(t *testing.T) {
	template := func(nodeSelector map[string]string) *schedpatch.Template {
		return &schedpatch.Template{Labels: map[string]string{"app": "cart"}, Spec: corev1.PodSpec{NodeSelector: nodeSelector}}
	}
	var nodes []*corev1.Node
	for _, disk := range []string{"hdd", "hdd", "nvme"} {
		nodes = append(nodes, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"disk": disk}}})
	}
	notSSD := func(spec *v1alpha1.SchedPatchSpec) {
		spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
				{Key: "disk", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"ssd"}}}}}}}}
	}
	affinityOnly := func(spec *v1alpha1.SchedPatchSpec) {
		notSSD(spec)
		spec.NodeSelector = nil
	}
	const contradiction = "no node can match: the Pod demands disk In [ssd] (nodeSelector), the patch NotIn [ssd] (nodeAffinity)"
	for name, tc := range map[string]struct {
		patch  *build.SchedPatchBuilder
		around Around
		want   []string
	}{
		"nothing is known":            {ssd(), Around{}, nil},
		"nothing of an absent target": {ssd(), Around{Absent: true}, nil},
		"a target that is of another group": {ssd().Target("apps/v1", "StatefulSet", "db"),
			Around{Absent: true, Near: []schedpatch.Near{{APIVersion: "apps.kruise.io/v1beta1", Kind: "StatefulSet", Name: "db"}}},
			[]string{"spec.targetRef: apps/v1 StatefulSet db does not exist in namespace shop; there is one of " +
				"apps.kruise.io/v1beta1: set targetRef.apiVersion to it"}},
		"a patch that contradicts itself": {ssd().Spec(notSSD), Around{Nodes: nodes},
			[]string{"spec: no Pod gets this SchedPatch: no node can match, since the patch contradicts itself: it demands disk In " +
				"[ssd] (nodeSelector) and NotIn [ssd] (nodeAffinity)"}},
		"a template that contradicts": {ssd().Spec(affinityOnly), Around{Template: template(map[string]string{"disk": "ssd"})},
			[]string{"spec: new Pods of Deployment.apps cart are created without this SchedPatch: " + contradiction + ". Change one of the two"}},
		"a template that contradicts, and Reject": {
			ssd().Spec(affinityOnly).Spec(func(spec *v1alpha1.SchedPatchSpec) { spec.OnConflict = v1alpha1.SchedPatchConflictReject }),
			Around{Template: template(map[string]string{"disk": "ssd"})},
			[]string{"spec: new Pods of Deployment.apps cart are denied, since onConflict is Reject: " + contradiction +
				". Change one of the two, or set onConflict to Skip"}},
		"nothing of a template that contradicts a preview": {ssd().Preview().Spec(affinityOnly),
			Around{Template: template(map[string]string{"disk": "ssd"})}, nil},
		"nothing of a template that podSelector leaves out": {
			ssd().Spec(affinityOnly).Spec(func(spec *v1alpha1.SchedPatchSpec) {
				spec.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web"}}
			}), Around{Template: template(map[string]string{"disk": "ssd"}), Nodes: nodes}, nil},
		"no node is left": {ssd(), Around{Template: template(nil), Nodes: nodes},
			[]string{"spec: Pods with this SchedPatch stay Pending until a node comes that meets it: the labels of 0 of 3 nodes do, " +
				"without it those of 3. It demands disk In [ssd] (nodeSelector)"}},
		"no node is left, whatever the target": {ssd(), Around{Absent: true, Nodes: nodes},
			[]string{"spec: Pods with this SchedPatch stay Pending until a node comes that meets it: the labels of 0 of 3 nodes do. " +
				"It demands disk In [ssd] (nodeSelector)"}},
		"nothing of a template for which there is no node anyway": {ssd(),
			Around{Template: template(map[string]string{"zone": "x"}), Nodes: nodes}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			result := Validate(Input{
				Patch: tc.patch.Obj(), Around: tc.around, Now: metav1.NewTime(build.Epoch),
				Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
			})
			if diff := cmp.Diff(tc.want, result.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
