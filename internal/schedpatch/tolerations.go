// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// mergeTolerations adds the tolerations that no other covers. Those of the Pod stay as they are and come first, so that
// how long a Pod tolerates a taint that it tolerated before does not change.
func mergeTolerations(pod, patch []corev1.Toleration) []corev1.Toleration {
	merged := slices.Clip(pod)
	for i := range patch {
		if !slices.ContainsFunc(merged, func(known corev1.Toleration) bool { return covers(&known, &patch[i]) }) {
			merged = append(merged, patch[i])
		}
	}
	return merged
}

// covers reports whether one toleration tolerates all that the other does, and for at least as long.
func covers(broad, narrow *corev1.Toleration) bool {
	all := broad.Operator == corev1.TolerationOpExists
	switch {
	case broad.Key != narrow.Key && (broad.Key != "" || !all):
		return false
	case broad.Effect != "" && broad.Effect != narrow.Effect:
		return false
	case !all && (operatorOf(broad) != operatorOf(narrow) || broad.Value != narrow.Value):
		return false
	default:
		return lastsAsLong(broad.TolerationSeconds, narrow.TolerationSeconds)
	}
}

func operatorOf(t *corev1.Toleration) corev1.TolerationOperator {
	if t.Operator == "" {
		return corev1.TolerationOpEqual
	}
	return t.Operator
}

// lastsAsLong compares tolerationSeconds; nil is for ever.
func lastsAsLong(long, short *int64) bool {
	return long == nil || (short != nil && *short <= *long)
}
