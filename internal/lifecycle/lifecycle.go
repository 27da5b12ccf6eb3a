// SPDX-License-Identifier: Apache-2.0

// Package lifecycle says whether hooks hold Pods. A hook and the program behind it talk through labels and finalizers of
// the Pod.
package lifecycle

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Hooked reports whether a hook holds a Pod: by any of its finalizers or labels.
func Hooked(hook *v1beta1.LifecycleHook, pod *corev1.Pod) bool {
	return hook != nil && countHooked(hook, pod) > 0
}

// AllHooked reports whether a Pod carries everything that a hook names. A hook that is not there, or that names
// nothing, holds nothing back.
func AllHooked(hook *v1beta1.LifecycleHook, pod *corev1.Pod) bool {
	return hook == nil || countHooked(hook, pod) == len(hook.FinalizersHandler)+len(hook.LabelsHandler)
}

func countHooked(hook *v1beta1.LifecycleHook, pod *corev1.Pod) (n int) {
	for _, finalizer := range hook.FinalizersHandler {
		if slices.Contains(pod.Finalizers, finalizer) {
			n++
		}
	}
	for key, value := range hook.LabelsHandler {
		if has, ok := pod.Labels[key]; ok && has == value {
			n++
		}
	}
	return n
}

// clocksAgree is how far the clocks of two operators are apart at most.
const clocksAgree = time.Minute

// Since is how long ago it was that a Pod entered a state, by what is recorded in it. A time that nobody can read, which is
// zero, or that is yet to come, is as good as long past: whoever may write to the Pod may write any, and no timeout would
// ever be over.
func Since(recorded, now time.Time) time.Duration {
	if recorded.IsZero() || recorded.After(now.Add(clocksAgree)) {
		return math.MaxInt64
	}
	return now.Sub(recorded)
}

// ToRemove names what of a hook is to be removed from a Pod to let it go on, "" when there is nothing.
func ToRemove(hook *v1beta1.LifecycleHook, pod *corev1.Pod) string { return handlers(hook, pod, true) }

// ToSet names what of a hook is to be set on a Pod to let it go on, "" when there is nothing.
func ToSet(hook *v1beta1.LifecycleHook, pod *corev1.Pod) string { return handlers(hook, pod, false) }

// handlers names the finalizers and labels of a hook that a Pod carries, or does not.
func handlers(hook *v1beta1.LifecycleHook, pod *corev1.Pod, carried bool) string {
	if hook == nil {
		return ""
	}
	var items []string
	for _, finalizer := range hook.FinalizersHandler {
		if slices.Contains(pod.Finalizers, finalizer) == carried {
			items = append(items, "finalizer "+finalizer)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(hook.LabelsHandler)) {
		has, ok := pod.Labels[key]
		if (ok && has == hook.LabelsHandler[key]) == carried {
			items = append(items, fmt.Sprintf("label %s=%s", key, hook.LabelsHandler[key]))
		}
	}
	return strings.Join(items, " and ")
}
