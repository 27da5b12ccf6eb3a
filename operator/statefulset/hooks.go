// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/lifecycle"
	"github.com/windlass-operator/windlass/internal/podready"
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

// readiness is what the condition KruisePodReady should be for a Pod in a lifecycle state: False while anybody holds
// the Pod, us included. What others hold it for stays.
func readiness(set *v1beta1.StatefulSet, pod *corev1.Pod, state v1beta1.LifecycleStateType, now metaTime) corev1.PodCondition {
	holds := podready.Without(pod, func(h podready.Hold) bool {
		return h.UserAgent == v1beta1.LifecycleReadinessAgent && ownKeys.Has(h.Key)
	})
	if key := holdingKey(set, state); key != "" {
		holds = append(holds, podready.Hold{UserAgent: v1beta1.LifecycleReadinessAgent, Key: key})
	}
	return podready.Condition(pod, holds, now)
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
	items := lifecycle.ToSet(hook, pod)
	if what == "removed" {
		items = lifecycle.ToRemove(hook, pod)
	}
	if items == "" {
		return ""
	}
	return fmt.Sprintf("hook %s, to be %s: %s", name, what, items)
}

// firstState is where a new Pod begins: it waits for the preNormal hook, if there is one and the template does not meet
// it.
func firstState(set *v1beta1.StatefulSet, pod *corev1.Pod) v1beta1.LifecycleStateType {
	if hook := preNormal(set); hook != nil && !lifecycle.AllHooked(hook, pod) {
		return v1beta1.LifecycleStatePreparingNormal
	}
	return v1beta1.LifecycleStateNormal
}
