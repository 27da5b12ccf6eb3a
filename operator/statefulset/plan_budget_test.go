// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChooseTargets(t *testing.T) {
	var (
		serving  = target{available: true}
		down     = target{}
		begun    = target{begun: true}
		broken   = target{broken: true}
		updated  = target{updated: true, available: true}
		inFlight = target{updated: true}
		leaving  = target{leaving: true}
		missing  = target{missing: true}
		stuck    = target{notUpgradable: true, available: true}
		stuckOut = target{notUpgradable: true}
	)
	type choice struct {
		Chosen  []int
		Blocked bool
	}
	for name, test := range map[string]struct {
		targets      []target
		others, most int
		want         choice
	}{
		"one that cannot be updated takes no turn":               {[]target{stuck, serving}, 0, 1, choice{[]int{1}, false}},
		"one that cannot be updated and is down uses the budget": {[]target{stuckOut, serving}, 0, 1, choice{nil, true}},
		"no targets":      {nil, 0, 1, choice{}},
		"all are updated": {[]target{updated, updated}, 0, 1, choice{}},
		"nothing in flight: the first in order goes":    {[]target{serving, serving, serving}, 0, 1, choice{[]int{0}, true}},
		"the order is that of the targets":              {[]target{updated, serving, serving}, 0, 1, choice{[]int{1}, true}},
		"as many go as may be unavailable":              {[]target{serving, serving, serving}, 0, 2, choice{[]int{0, 1}, true}},
		"all of a large set do not go in one plan":      {slices.Repeat([]target{serving}, 300), 0, 300, choice{firstOf(maxUpdates), false}},
		"more may be unavailable than there are":        {[]target{serving, serving}, 0, 9, choice{[]int{0, 1}, false}},
		"the last one leaves nobody waiting":            {[]target{updated, serving}, 0, 1, choice{[]int{1}, false}},
		"one in flight takes up the budget":             {[]target{inFlight, serving}, 0, 1, choice{nil, true}},
		"one that is going takes up the budget":         {[]target{leaving, serving}, 0, 1, choice{nil, true}},
		"one that is missing takes up the budget":       {[]target{missing, serving}, 0, 1, choice{nil, true}},
		"other unavailable Pods take up the budget":     {[]target{serving, serving}, 1, 1, choice{nil, true}},
		"what others leave over is used":                {[]target{serving, serving}, 1, 2, choice{[]int{0}, true}},
		"more others than the budget do not add to it":  {[]target{serving}, 5, 2, choice{nil, true}},
		"a broken one goes at once":                     {[]target{serving, broken}, 0, 1, choice{[]int{1}, true}},
		"a broken one goes though the budget is used":   {[]target{inFlight, broken, serving}, 3, 1, choice{[]int{1}, true}},
		"any number of broken ones goes at once":        {[]target{broken, serving, broken, broken}, 0, 1, choice{[]int{0, 2, 3}, true}},
		"broken ones count for those that serve":        {[]target{broken, serving, serving}, 0, 2, choice{[]int{0, 1}, true}},
		"a broken one that is updated waits for a fix":  {[]target{{updated: true, broken: true}, serving}, 0, 1, choice{nil, true}},
		"one that is down goes before those that serve": {[]target{serving, down}, 0, 1, choice{[]int{1}, true}},
		"one that is down goes whatever others are":     {[]target{down, serving}, 4, 1, choice{[]int{0}, true}},
		"those that are down do not go all at once":     {[]target{down, down, down}, 0, 1, choice{[]int{0}, true}},
		"one that is down waits for what is in flight":  {[]target{inFlight, down}, 0, 1, choice{nil, true}},
		"one that is down waits for what is going":      {[]target{leaving, down}, 0, 1, choice{nil, true}},
		"one that is down waits for what is broken":     {[]target{broken, down}, 0, 1, choice{[]int{0}, true}},
		"one that is down does not wait for what is missing": {
			[]target{missing, missing, down}, 0, 1, choice{[]int{2}, false},
		},
		"those that stay down count for those that serve": {[]target{down, down, serving}, 0, 2, choice{[]int{0, 1}, true}},
		"down and serving together within the budget":     {[]target{serving, down, serving}, 0, 2, choice{[]int{1, 0}, true}},
		"what has begun goes on first":                    {[]target{down, begun, serving}, 0, 1, choice{[]int{1}, true}},
		"all that have begun go on in order":              {[]target{begun, down, begun}, 0, 2, choice{[]int{0, 2}, true}},
		"what has begun waits for what is in flight":      {[]target{inFlight, begun}, 0, 1, choice{nil, true}},
		"a refused one takes up nothing":                  {[]target{{refused: true, available: true}, serving}, 0, 1, choice{[]int{1}, false}},
		"a refused one that is down uses the budget":      {[]target{{refused: true}, serving}, 0, 1, choice{nil, true}},
		"a refused one that is broken is left alone":      {[]target{{refused: true, broken: true}}, 0, 1, choice{}},
		"what may have been carried out keeps its share":  {[]target{{doubtful: true, available: true}, serving}, 0, 1, choice{nil, true}},
		"one that is due again goes after the others":     {[]target{{retried: true, available: true}, serving}, 0, 1, choice{[]int{1}, true}},
		"one that is due again goes when nobody else is":  {[]target{{retried: true, available: true}, updated}, 0, 1, choice{[]int{0}, false}},
		"when many were refused none is begun":            {append(slices.Repeat([]target{{refused: true, available: true}}, 16), serving), 0, 30, choice{nil, true}},
		"when some were refused no more are begun at once": {
			append(slices.Repeat([]target{{refused: true, available: true}}, 14), serving, serving, serving), 0, 30, choice{[]int{14, 15}, true},
		},
		"more in flight than the budget takes none back": {[]target{inFlight, inFlight, serving, down}, 0, 1, choice{nil, true}},
	} {
		t.Run(name, func(t *testing.T) {
			chosen, blocked := chooseTargets(test.targets, test.others, test.most)
			if len(chosen) == 0 {
				chosen = nil
			}
			if diff := cmp.Diff(test.want, choice{chosen, blocked}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// firstOf are the indexes of so many targets.
func firstOf(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
