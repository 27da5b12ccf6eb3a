// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Whatever is lifted, the planner takes for removed by a person, and nothing else.
func TestWhatIsLiftedIsTakenForRemoved(t *testing.T) {
	record := Record{Exclusions: []Exclusion{
		exclusion("n1", -time.Minute, time.Hour), exclusion("n2", -time.Minute, time.Hour, func(e *Exclusion) { e.Hostname = "" }),
		exclusion("n3", -2*time.Hour, -time.Hour),
	}}
	now := at(0).Time
	for name, test := range map[string]struct {
		lift       []string
		want       []string
		wantLifted bool
	}{
		"one by its hostname": {[]string{"n1"}, []string{"n2"}, true},
		"one by its name":     {[]string{"n2"}, []string{"n1"}, true},
		"both":                {[]string{"n1", "n2"}, nil, true},
		"the same again":      {[]string{"n1", "n1"}, []string{"n2"}, false},
		"one that is over":    {[]string{"n3"}, []string{"n1", "n2"}, false},
		"one that never was":  {[]string{"n9"}, []string{"n1", "n2"}, false},
	} {
		for kind, required := range map[string]bool{"required": true, "preferred": false} {
			t.Run(name+", "+kind, func(t *testing.T) {
				patch := &v1alpha1.SchedPatch{}
				patch.Annotations = map[string]string{v1beta1.RemediationExclusionsAnnotation: record.String()}
				patch.Spec.Affinity = affinityFor(record.actives(now), required)
				lifted := false
				for _, node := range test.lift {
					affinity, ok := Lift(patch, node, now)
					if lifted = ok; ok {
						patch.Spec.Affinity = affinity
					}
				}
				var got []string
				for _, e := range record.actives(now) {
					if Excludes(patch, e) {
						got = append(got, e.Node)
					}
				}
				if diff := cmp.Diff(test.want, got); diff != "" || lifted != test.wantLifted {
					t.Errorf("lifted %t, want %t; nodes that are left (-want +got):\n%s", lifted, test.wantLifted, diff)
				}
				if node := patch.Spec.Affinity.NodeAffinity; (node.RequiredDuringSchedulingIgnoredDuringExecution != nil) != (required && len(got) > 0) {
					t.Errorf("the rule has become another one: %v", node)
				}
			})
		}
	}
}
