// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// why says in a few words why a Pod is not available. It says nothing that changes from second to second.
func (p *progress) why(view *View) string {
	switch {
	case p.now[view].changed:
		return "just updated in place"
	case view.Unfinished == "" && view.Ready && !p.now[view].ready:
		return "taken out of service for its update"
	case view.State != p.now[view].state && p.now[view].state == v1beta1.LifecycleStateNormal:
		return "no hook holds it any more"
	}
	return state(view)
}

// awaitedHook names the hook that a Pod waits for in a lifecycle state, and what has to be put on the Pod, or taken
// off, to let it go on; "" when there is none.
func awaitedHook(set *v1beta1.StatefulSet, pod *corev1.Pod, state v1beta1.LifecycleStateType) string {
	switch state {
	case v1beta1.LifecycleStatePreparingDelete:
		return hookWords("preDelete", preDelete(set), pod, "removed")
	case v1beta1.LifecycleStatePreparingUpdate:
		return hookWords("inPlaceUpdate", inPlaceUpdate(set), pod, "removed")
	case v1beta1.LifecycleStatePreparingNormal:
		return hookWords("preNormal", preNormal(set), pod, "set")
	case v1beta1.LifecycleStateUpdated:
		return hookWords("inPlaceUpdate", inPlaceUpdate(set), pod, "set")
	}
	return ""
}

// hookWords names what of a hook is yet to be removed from a Pod, or to be set on it.
func hookWords(name string, hook *v1beta1.LifecycleHook, pod *corev1.Pod, what string) string {
	if hook == nil {
		return ""
	}
	var items []string
	for _, finalizer := range hook.FinalizersHandler {
		if slices.Contains(pod.Finalizers, finalizer) == (what == "removed") {
			items = append(items, "finalizer "+finalizer)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(hook.LabelsHandler)) {
		has, ok := pod.Labels[key]
		if (ok && has == hook.LabelsHandler[key]) == (what == "removed") {
			items = append(items, fmt.Sprintf("label %s=%s", key, hook.LabelsHandler[key]))
		}
	}
	if len(items) == 0 {
		return ""
	}
	return fmt.Sprintf("hook %s, to be %s: %s", name, what, strings.Join(items, " and "))
}
