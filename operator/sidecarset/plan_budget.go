package sidecarset

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// budget is what a plan may still take down.
type budget struct {
	// pods is how many more Pods may take up a share of maxUnavailable.
	pods int
	// restarts is how many more serving Pods may be restarted now, those that
	// have their share already included.
	restarts int
}

// newBudget counts the Pods that have their share, those evicted by this plan
// and those evicted before and not replaced yet included.
func newBudget(s *Snapshot, evictions int) *budget {
	most := maxUnavailable(s.Set.Spec.UpdateStrategy.MaxUnavailable, len(s.Matched)) - evictions - unreplaced(s)
	b := &budget{pods: most, restarts: most}
	for _, view := range s.Matched {
		if !charged(s, view) {
			continue
		}
		b.pods--
		if !view.Ready() || !view.Settled(s.Set) {
			b.restarts--
		}
	}
	return b
}

// take takes a serving Pod down, if the budget allows it.
func (b *budget) take() bool {
	if b.pods <= 0 || b.restarts <= 0 {
		return false
	}
	b.pods--
	b.restarts--
	return true
}

// restartCharged tells whether a serving Pod that has its share may be restarted
// once more; restart does so.
func (b *budget) restartCharged() bool { return b.restarts > 0 }

func (b *budget) restart(view *sidecar.View) {
	if view.Ready() {
		b.restarts--
	}
}

// blockers names the Pods that take up shares of maxUnavailable.
func blockers(s *Snapshot) []string {
	var out []string
	for _, view := range s.Matched {
		if charged(s, view) {
			out = append(out, podName(view.Pod))
		}
	}
	slices.Sort(out)
	return out
}

// charged tells whether a Pod takes up a share of maxUnavailable: it carries the
// set's current version, or an update of it was begun, and it has not come back.
// A hot upgrade is over when its old container is empty; until then it will
// restart once more.
func charged(s *Snapshot, view *sidecar.View) bool {
	touched := view.Updated(s.Set) || view.Touched(s.Set)
	return touched && !(view.Ready() && view.Settled(s.Set) && view.HotFinished(s.Set))
}

// maxUnavailable resolves the field against all matched Pods: a percentage
// rounds up, and at least one Pod may always go.
func maxUnavailable(value *intstr.IntOrString, matched int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(value, matched, true)
	if err != nil {
		return 1 // the schema refuses what cannot be read
	}
	return max(1, n)
}

// partition resolves how many Pods stay at the old version. A percentage rounds
// up, but one below 100 % never keeps all of several Pods.
func partition(value *intstr.IntOrString, matched int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(value, matched, true)
	if err != nil {
		return matched // when in doubt, change nothing
	}
	if value.Type == intstr.String && value.StrVal != "100%" && matched > 1 {
		n = min(n, matched-1)
	}
	return min(max(0, n), matched)
}
