package sidecarset

import (
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// unavailable counts the Pods that are down and may be so because of the set.
func unavailable(s *Snapshot) int {
	n := 0
	for _, view := range s.Matched {
		if charged(s, view) {
			n++
		}
	}
	return n
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
