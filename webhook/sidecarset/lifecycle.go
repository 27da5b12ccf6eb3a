// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/fields"
)

var hookPath = field.NewPath("spec", "lifecycle", "inPlaceUpdate")

// validateLifecycle refuses a hook that no Pod could carry, and one whose program would take Pods away from the set.
func validateLifecycle(spec *v1beta1.SidecarSetSpec) field.ErrorList {
	if spec.Lifecycle == nil {
		return nil
	}
	hook := spec.Lifecycle.InPlaceUpdate
	errs := fields.Hook(hook, hookPath)
	if hook == nil || spec.Selector == nil {
		return errs
	}
	for _, key := range slices.Sorted(maps.Keys(hook.LabelsHandler)) {
		if selects(spec.Selector, key) {
			errs = append(errs, field.Forbidden(hookPath.Child("labelsHandler").Key(key), "spec.selector asks for this label too, so that "+
				"the set would lose each Pod whose label is changed to let go of it; use a label that nothing selects by"))
		}
	}
	return errs
}

// selects reports whether a selector looks at a label.
func selects(selector *metav1.LabelSelector, key string) bool {
	_, byValue := selector.MatchLabels[key]
	return byValue || slices.ContainsFunc(selector.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool { return r.Key == key })
}

// lifecycleWarnings tell what draining asks of Pods, when the set begins to ask for it.
func lifecycleWarnings(set *sidecar.Set, old *v1beta1.SidecarSet) []string {
	var out []string
	before := &sidecar.Set{Spec: &v1beta1.SidecarSetSpec{}}
	if old != nil {
		before.Spec = &old.Spec
	}
	if set.Drains() && !before.Drains() {
		path := field.NewPath("spec", "updateStrategy", "gracePeriodSeconds")
		if set.GracePeriod() == 0 {
			path = hookPath.Child("markPodNotReady")
		}
		out = append(out, fmt.Sprintf("%s: new Pods get the readiness gate %s: they are not Ready while no operator runs. Pods that run "+
			"already do not have it, and are updated without draining", path, v1beta1.KruisePodReadyCondition))
	}
	hook, earlier := set.Hook(), before.Hook()
	if hook != nil && len(hook.FinalizersHandler) > 0 && (earlier == nil || !slices.Equal(earlier.FinalizersHandler, hook.FinalizersHandler)) {
		out = append(out, fmt.Sprintf("%s: finalizers are not added to new Pods, since they would also hold their deletion; "+
			"only Pods that somebody else gives them wait for the hook", hookPath.Child("finalizersHandler")))
	}
	return out
}
