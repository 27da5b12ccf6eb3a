// SPDX-License-Identifier: Apache-2.0

package revision_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/revision"
)

func made(name string, number int64) *appsv1.ControllerRevision {
	return &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: name}, Revision: number}
}

func names(revisions []*appsv1.ControllerRevision) []string {
	var out []string
	for _, r := range revisions {
		out = append(out, r.Name)
	}
	return out
}

func TestNamesDependOnDataAndCollisions(t *testing.T) {
	one := int32(1)
	a, hash := revision.Name("web", []byte("a"), nil)
	if a != "web-"+hash {
		t.Errorf("name %s does not end in the hash %s", a, hash)
	}
	again, _ := revision.Name("web", []byte("a"), nil)
	b, _ := revision.Name("web", []byte("b"), nil)
	collided, _ := revision.Name("web", []byte("a"), &one)
	if a != again || a == b || a == collided {
		t.Errorf("names: %s, again %s, other data %s, after a collision %s", a, again, b, collided)
	}
	long, _ := revision.Name(strings.Repeat("x", 253), []byte("a"), nil)
	if len(long) > 63 {
		t.Errorf("%s has %d characters, a label's value may have 63", long, len(long))
	}
}

func TestSurplus(t *testing.T) {
	all := []*appsv1.ControllerRevision{made("c", 3), made("a", 1), made("d", 4), made("b", 2)}
	for name, test := range map[string]struct {
		keep int
		live []string
		want []string
	}{
		"nothing while there is room":           {4, nil, nil},
		"the oldest go first":                   {2, nil, []string{"a", "b"}},
		"a live one stays, the next older goes": {2, []string{"a"}, []string{"b", "c"}},
		"live ones stay even beyond the limit":  {1, []string{"a", "b", "c", "d"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			live := func(name string) bool { return strings.Contains(strings.Join(test.live, ","), name) }
			if diff := cmp.Diff(test.want, names(revision.Surplus(all, test.keep, live))); diff != "" {
				t.Errorf("surplus (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNextFollowsTheNewest(t *testing.T) {
	if got := revision.Next(nil); got != 1 {
		t.Errorf("the first is %d, want 1", got)
	}
	if got := revision.Next([]*appsv1.ControllerRevision{made("b", 7), made("a", 2)}); got != 8 {
		t.Errorf("after 7 comes %d, want 8", got)
	}
}
