// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

func TestPlan(t *testing.T) {
	for name, test := range map[string]struct {
		object *v1alpha1.SchedPatch
		want   string
	}{
		"a patch without an end is left alone": {
			makePatch(ownedBy("StatefulSet", "db")), "do nothing: it has no end"},
		"a patch is left alone until its end": {
			makePatch(ownedBy("StatefulSet", "db"), ttl(601)), "do nothing: it ends at 2026-01-02T03:14:06Z"},
		"a controller's patch is deleted at its end": {
			makePatch(ownedBy("StatefulSet", "db"), ttl(600)),
			"delete SchedPatch default/zoned: it ended at 2026-01-02T03:14:05Z and StatefulSet db, which made it, does not need it any more"},
		"a person's patch stays": {
			makePatch(ttl(600)), "do nothing: it ended at 2026-01-02T03:14:05Z and no controller owns it"},
		"the record of auto remediation outlasts its exclusions": {
			makePatch(ownedBy("StatefulSet", "db"), ttl(600), func(o *v1alpha1.SchedPatch) {
				metav1.SetMetaDataAnnotation(&o.ObjectMeta, v1beta1.RemediationExclusionsAnnotation, "{}")
			}), "do nothing: it ended at 2026-01-02T03:14:05Z and keeps the record of auto remediation, which deletes it in time"},
		"an owner that is not its controller did not make it": {
			makePatch(ttl(600), func(o *v1alpha1.SchedPatch) {
				o.OwnerReferences = []metav1.OwnerReference{{Kind: "ConfigMap", Name: "app"}}
			}), "do nothing: it ended at 2026-01-02T03:14:05Z and no controller owns it"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, MakePlan(snapshotOf(t, test.object)).String()); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}
