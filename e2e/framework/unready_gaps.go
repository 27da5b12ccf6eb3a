// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Gap is a time for which a Pod that had served did not, before it did again.
type Gap struct {
	Pod, Node string
	From, To  time.Time
}

// Took is how long it was.
func (g Gap) Took() time.Duration { return g.To.Sub(g.From) }

// Gaps are all those of Pods, in the order in which they began. One that had not ended is none.
func Gaps(changes []PodChange) []Gap {
	var out []Gap
	open := map[types.UID]time.Time{}
	for i := range changes {
		c := &changes[i]
		if c.Before == nil || c.After == nil || c.Before.UID != c.After.UID {
			continue
		}
		switch from, is := open[c.After.UID]; {
		case IsReady(c.Before) && !IsReady(c.After):
			open[c.After.UID] = c.At
		case is && IsReady(c.After):
			delete(open, c.After.UID)
			out = append(out, Gap{c.After.Name, c.After.Spec.NodeName, from, c.At})
		}
	}
	slices.SortStableFunc(out, func(a, b Gap) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Pod, b.Pod)) })
	return out
}

// Percentile is what so many percent of the spans are at most; 0 when there are none.
func Percentile(spans []time.Duration, percent int) time.Duration {
	if len(spans) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(spans))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}
