// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// hooks are the lifecycle hooks that a set has.
func hooks(set *v1beta1.StatefulSet) []*v1beta1.LifecycleHook {
	return slices.DeleteFunc([]*v1beta1.LifecycleHook{preDelete(set), inPlaceUpdate(set), preNormal(set)},
		func(hook *v1beta1.LifecycleHook) bool { return hook == nil })
}

func preDelete(set *v1beta1.StatefulSet) *v1beta1.LifecycleHook {
	if set.Spec.Lifecycle == nil {
		return nil
	}
	return set.Spec.Lifecycle.PreDelete
}

func inPlaceUpdate(set *v1beta1.StatefulSet) *v1beta1.LifecycleHook {
	if set.Spec.Lifecycle == nil {
		return nil
	}
	return set.Spec.Lifecycle.InPlaceUpdate
}

func preNormal(set *v1beta1.StatefulSet) *v1beta1.LifecycleHook {
	if set.Spec.Lifecycle == nil {
		return nil
	}
	return set.Spec.Lifecycle.PreNormal
}

// hooked reports whether a hook holds a Pod: by any of its finalizers or labels.
func hooked(hook *v1beta1.LifecycleHook, pod *corev1.Pod) bool {
	return hook != nil && countHooked(hook, pod) > 0
}

// allHooked reports whether a Pod carries everything that a hook names. A hook that is not there, or that names
// nothing, holds nothing back.
func allHooked(hook *v1beta1.LifecycleHook, pod *corev1.Pod) bool {
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

// hold is an entry in the message of the condition KruisePodReady: a program that keeps the Pod from being Ready, and
// its reason.
type hold struct {
	UserAgent string `json:"userAgent"`
	Key       string `json:"key"`
}

// readiness is what the condition KruisePodReady should be for a Pod in a lifecycle state: False while anybody holds
// the Pod, us included. What others hold it for stays.
func readiness(set *v1beta1.StatefulSet, pod *corev1.Pod, state v1beta1.LifecycleStateType) (corev1.ConditionStatus, string) {
	var before []hold
	if c := pods.Condition(pod, v1beta1.KruisePodReadyCondition); c != nil && c.Message != "" {
		// What cannot be read holds nothing, as on the wire.
		_ = json.Unmarshal([]byte(c.Message), &before)
	}
	holds := slices.DeleteFunc(before, func(h hold) bool {
		return h.UserAgent == v1beta1.LifecycleReadinessAgent && ownKeys.Has(h.Key)
	})
	if key := holdingKey(set, state); key != "" {
		holds = append(holds, hold{v1beta1.LifecycleReadinessAgent, key})
	}
	if len(holds) == 0 {
		return corev1.ConditionTrue, ""
	}
	message, err := json.Marshal(holds)
	if err != nil {
		return corev1.ConditionTrue, "" // strings can always be encoded
	}
	return corev1.ConditionFalse, string(message)
}

var ownKeys = sets.New(v1beta1.PreDeleteHookReadinessKey, v1beta1.PreUpdateHookReadinessKey)

// holdingKey is the key by which a hook with markPodNotReady holds a Pod in a state, "" when none does.
func holdingKey(set *v1beta1.StatefulSet, state v1beta1.LifecycleStateType) string {
	switch state {
	case v1beta1.LifecycleStatePreparingDelete:
		if hook := preDelete(set); hook != nil && hook.MarkPodNotReady {
			return v1beta1.PreDeleteHookReadinessKey
		}
	case v1beta1.LifecycleStatePreparingUpdate, v1beta1.LifecycleStateUpdating:
		if hook := inPlaceUpdate(set); hook != nil && hook.MarkPodNotReady {
			return v1beta1.PreUpdateHookReadinessKey
		}
	}
	return ""
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

// firstState is where a new Pod begins: it waits for the preNormal hook, if there is one and the template does not meet
// it.
func firstState(set *v1beta1.StatefulSet, pod *corev1.Pod) v1beta1.LifecycleStateType {
	if hook := preNormal(set); hook != nil && !allHooked(hook, pod) {
		return v1beta1.LifecycleStatePreparingNormal
	}
	return v1beta1.LifecycleStateNormal
}
