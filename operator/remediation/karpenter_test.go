// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// mapper answers as it is told, and counts how often it is asked.
type mapper struct {
	meta.RESTMapper

	asked int
	err   error
}

func (m *mapper) RESTMapping(schema.GroupKind, ...string) (*meta.RESTMapping, error) {
	m.asked++
	return &meta.RESTMapping{}, m.err
}

func TestWhatIsKnownOfKarpenterIsGoodForAMinute(t *testing.T) {
	absent, broken := &meta.NoKindMatchError{}, errors.New("discovery fails")
	type want struct {
		Is, Fails bool
		Asked     int
	}
	m, known := &mapper{}, &karpenter{}
	for _, step := range []struct {
		name  string
		after time.Duration
		err   error
		want  want
	}{
		{"nobody can tell", 0, broken, want{Fails: true, Asked: 1}},
		{"it is not there", 0, absent, want{Asked: 2}},
		{"it was asked a moment ago", 59 * time.Second, nil, want{Asked: 2}},
		{"it has come since", 60 * time.Second, nil, want{Is: true, Asked: 3}},
		{"nobody can tell any more", 2 * time.Minute, broken, want{Is: true, Asked: 4}},
		{"that was found out a moment ago", 2*time.Minute + time.Second, broken, want{Is: true, Asked: 4}},
		{"it has gone", 3 * time.Minute, absent, want{Asked: 5}},
	} {
		m.err = step.err
		is, err := known.served(m, build.Epoch.Add(step.after))
		if diff := cmp.Diff(step.want, want{is, err != nil, m.asked}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

// What the API server serves is only asked where the answer matters: a Pod that is just starting makes every set be
// looked at.
func TestKarpenterIsAskedForOnlyWhereItMatters(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration
		mode  v1beta1.ExclusionModeType
		want  int
	}{
		"Pods that are just starting":     {time.Minute, v1beta1.ExclusionModeAuto, 0},
		"Pods that are stuck":             {10 * time.Minute, v1beta1.ExclusionModeAuto, 1},
		"Pods that are stuck, by default": {10 * time.Minute, "", 1},
		"the user has decided":            {10 * time.Minute, v1beta1.ExclusionModeRequired, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSimulation(t, 1, "n1", "n2")
			w.ail(world.NoSandbox)
			set := w.add("web", 2, func(s *v1beta1.StatefulSet) { s.Spec.AutoRemediation.ExclusionMode = test.mode })
			w.run(test.after)
			w.mapper.asked = 0
			w.restart()
			for range 3 {
				if _, err := w.operator.gatherer.snapshot(t.Context(), w.input(set), earlier{}); err != nil {
					t.Fatal(err)
				}
			}
			if w.mapper.asked != test.want {
				t.Errorf("asked %d times, want %d", w.mapper.asked, test.want)
			}
		})
	}
}
