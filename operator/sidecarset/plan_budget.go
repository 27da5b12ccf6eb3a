// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// budget is what a plan may still take down.
type budget struct {
	// pods is how many more Pods may take up a share of maxUnavailable.
	pods int
	// restarts is how many more serving Pods may be restarted now, those that have their share already included.
	restarts int
	// endings is how many serving Pods may be restarted to carry to its end what was begun, while maxUnavailable is 0.
	endings int
	// words say that nothing is left; they are made when they are needed.
	words string
}

// newBudget counts the Pods that have their share, those evicted by this plan and those evicted before and not replaced
// yet included.
func newBudget(s *Snapshot, evictions int) *budget {
	most := maxUnavailable(s.Set.Spec.UpdateStrategy.MaxUnavailable, len(s.Matched)) - evictions - takenDown(s)
	b := &budget{pods: most, restarts: most, endings: 1}
	for _, view := range s.Matched {
		if !charged(s, view) {
			continue
		}
		b.pods--
		if s.restarting(view) {
			b.restarts--
			b.endings--
		}
	}
	return b
}

// restarting reports whether a Pod that has its share does not serve, or is about to stop: what was written to it is
// still to be carried out.
func (s *Snapshot) restarting(view *sidecar.View) bool {
	return !view.Ready() || view.UnderWay() || s.doubtful(view)
}

// doubtful reports whether nobody knows if the last write to a Pod was carried out.
func (s *Snapshot) doubtful(view *sidecar.View) bool {
	return len(s.Doubtful) > 0 && s.Doubtful.Has(view.Pod.UID)
}

// mayRestart reports whether one more serving Pod may be restarted; counted says whether it has its share already.
func (b *budget) mayRestart(counted bool) bool { return b.restarts > 0 && (counted || b.pods > 0) }

// restart takes a Pod down that serves.
func (b *budget) restart(counted bool) {
	b.restarts--
	if !counted {
		b.pods--
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

// charged reports whether a Pod takes up a share of maxUnavailable: it does not serve, or will not for a moment,
// because of an update of the set. Where its node does not report, nobody can tell, and it is not the set's doing. A
// write that was refused has taken nothing down; one of which nobody knows whether it was carried out counts until it
// is tried again.
func charged(s *Snapshot, view *sidecar.View) bool {
	switch {
	case !view.Ready() && s.lost(view):
		return false
	case view.Ready() && s.doubtful(view):
		return true
	case view.Between():
		return view.Disturbed()
	case view.Ready() && view.Disturbed() && s.onlyRefused(view):
		return false
	}
	return view.Disturbed() || s.keepsShare(view)
}

// keepsShare reports whether a Pod that serves again keeps its shares, since it has to serve for longer.
func (s *Snapshot) keepsShare(view *sidecar.View) bool {
	return view.TookShare() && s.settling(view) > 0
}

// settling is how long a Pod that serves is still to serve until it counts as ready; 0 for one that does count, and for
// one that does not serve.
func (s *Snapshot) settling(view *sidecar.View) time.Duration {
	wanted := time.Duration(s.Set.Spec.UpdateStrategy.MinReadySeconds) * time.Second
	if wanted == 0 || !view.Ready() {
		return 0
	}
	return max(0, wanted-s.Now.Sub(view.ServesSince()))
}

// settleIn is when the next Pod has served for long enough.
func settleIn(s *Snapshot) time.Duration {
	soonest := time.Duration(0)
	for _, view := range s.Matched {
		if left := s.settling(view); left > 0 && (soonest == 0 || left < soonest) {
			soonest = max(left, time.Second)
		}
	}
	return soonest
}

// lost reports whether the Pod's node does not report.
func (s *Snapshot) lost(view *sidecar.View) bool { return s.LostNodes.Has(view.Pod.Spec.NodeName) }

// onlyRefused reports whether all that a serving Pod lacks is what the API server refuses: the end of a hot upgrade, or
// the resize that follows an image.
func (s *Snapshot) onlyRefused(view *sidecar.View) bool {
	if len(s.Refusals) == 0 {
		return false
	}
	_, finish := s.refused(view, writeFinish)
	_, resize := s.refused(view, writeResize)
	if !view.Updated() { // its next update ends what an earlier one has begun
		_, finish = s.refused(view, writeUpdate)
	}
	return view.CarriedOut() && (resize || view.Settled()) && (finish || view.HotFinished())
}

// maxUnavailable resolves the field against all matched Pods: a percentage rounds up, so only 0 and 0% let none go.
func maxUnavailable(value *intstr.IntOrString, matched int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(value, max(1, matched), true)
	if err != nil {
		return 1 // the schema refuses what cannot be read
	}
	return max(0, n)
}

// noneMayGo reports whether maxUnavailable is 0, so that no Pod that serves is updated.
func (s *Snapshot) noneMayGo() bool {
	return maxUnavailable(s.Set.Spec.UpdateStrategy.MaxUnavailable, 1) == 0
}

// partition resolves how many Pods stay at the old version. A percentage rounds up, but one below 100 % never keeps all
// of several Pods.
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
