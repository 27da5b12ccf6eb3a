// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestWhichPodsHoldWhichOrdinals(t *testing.T) {
	type want struct{ Held, Missing, Condemned []int }
	for name, test := range map[string]struct {
		replicas int32
		reserve  []string
		pods     []int
		want     want
	}{
		"all are there":                       {3, nil, []int{0, 1, 2}, want{Held: []int{0, 1, 2}}},
		"none is there":                       {2, nil, nil, want{Missing: []int{0, 1}}},
		"none is to be there":                 {0, nil, []int{0, 3}, want{Condemned: []int{3, 0}}},
		"one is missing between others":       {3, nil, []int{0, 2}, want{Held: []int{0, 2}, Missing: []int{1}}},
		"there are more at the end":           {1, nil, []int{0, 1, 7}, want{Held: []int{0}, Condemned: []int{7, 1}}},
		"reserved ones before, among, behind": {2, []string{"0", "2"}, []int{0, 1, 2, 3, 4}, want{Held: []int{1, 3}, Condemned: []int{4, 2, 0}}},
		"only those that should not be there": {2, []string{"0-1"}, []int{0, 1, 9}, want{Missing: []int{2, 3}, Condemned: []int{9, 1, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Snapshot{Set: build.MakeStatefulSet("web").Replicas(test.replicas).Reserve(test.reserve...).Obj()}
			for _, ordinal := range test.pods {
				s.Pods = append(s.Pods, s.newView(build.MakePod(fmt.Sprint("web-", ordinal)).Obj()))
			}
			got, out := want{}, newLayout(s)
			for i := range out.members {
				m := &out.members[i]
				switch {
				case m.Position != i || !m.missing() && m.View.Ordinal != m.Ordinal:
					t.Errorf("member %d is at position %d, and its Pod's ordinal is %d instead of %d", i, m.Position, m.View.Ordinal, m.Ordinal)
				case m.missing():
					got.Missing = append(got.Missing, m.Ordinal)
				default:
					got.Held = append(got.Held, m.Ordinal)
				}
			}
			for _, view := range out.condemned {
				got.Condemned = append(got.Condemned, view.Ordinal)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("layout (-want +got):\n%s", diff)
			}
		})
	}
}
