package sidecarset

import (
	"k8s.io/apimachinery/pkg/util/intstr"
)

// unavailable counts the Pods that are down and may be so because of the set:
// they carry its current version, or an update of theirs was begun, and they
// have not come back.
func unavailable(s *Snapshot) int {
	n := 0
	for _, view := range s.Matched {
		touched := view.Updated(s.Set) || view.Touched(s.Set)
		if touched && !(view.Ready() && view.Settled(s.Set)) {
			n++
		}
	}
	return n
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
