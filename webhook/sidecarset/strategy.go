// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/fields"
)

func validateUpdateStrategy(spec *v1beta1.SidecarSetSpec, path *field.Path) field.ErrorList {
	strategy := &spec.UpdateStrategy
	return slices.Concat(
		fields.Choice(strategy.Type, path.Child("type"),
			v1beta1.NotUpdateSidecarSetStrategyType, v1beta1.RollingUpdateSidecarSetStrategyType),
		validateCount(strategy.MaxUnavailable, path.Child("maxUnavailable")),
		validateCount(strategy.Partition, path.Child("partition")),
		validateUpdateSelector(strategy, path.Child("selector")),
		validateSelection(spec, path),
		validatePriority(strategy.PriorityStrategy, path.Child("priorityStrategy")),
		validateScatter(strategy.ScatterStrategy, path.Child("scatterStrategy")),
	)
}

// validateCount accepts a number from 0 up, or a percentage from 0 to 100.
func validateCount(value *intstr.IntOrString, path *field.Path) field.ErrorList {
	if value == nil {
		return nil
	}
	const allowed = `must be a whole number from 0 up, or a percentage from "0%" to "100%"`
	scaled, err := intstr.GetScaledValueFromIntOrPercent(value, 100, false)
	if err != nil || scaled < 0 || (value.Type == intstr.String && scaled > 100) {
		return field.ErrorList{field.Invalid(path, value.String(), allowed)}
	}
	return nil
}

func isRolling(strategy *v1beta1.SidecarSetUpdateStrategy) bool {
	return strategy.Type == "" || strategy.Type == v1beta1.RollingUpdateSidecarSetStrategyType
}

// validateUpdateSelector allows an empty selector only where nothing is updated anyway.
func validateUpdateSelector(strategy *v1beta1.SidecarSetUpdateStrategy, path *field.Path) field.ErrorList {
	switch {
	case strategy.Selector == nil:
		return nil
	case !fields.IsEmpty(strategy.Selector):
		return validateLabels(strategy.Selector, path)
	case isRolling(strategy):
		return field.ErrorList{field.Invalid(path, "{}", "must not be empty: leave it out to update all matched Pods")}
	default:
		return nil
	}
}

// validateSelection refuses two ways at once of saying which Pods are updated. Policy Partial is the exception:
// selector and partition together then also say which new Pods get the pinned revision, and the documented example of
// it has both.
func validateSelection(spec *v1beta1.SidecarSetSpec, path *field.Path) field.ErrorList {
	strategy, revision := &spec.UpdateStrategy, spec.InjectionStrategy.Revision
	partial := revision != nil && revision.Policy == v1beta1.PartialSidecarSetInjectRevisionPolicy
	if !isRolling(strategy) || strategy.Selector == nil || !isPartitioned(strategy.Partition) || partial {
		return nil
	}
	return field.ErrorList{field.Forbidden(path.Child("partition"), fmt.Sprintf(
		"is %s and cannot be combined with selector: remove one of the two (only injectionStrategy.revision.policy Partial "+
			"takes both)", strategy.Partition))}
}

// isPartitioned reports whether a partition was given. 0 is the default that the schema writes; any percentage was
// written by somebody.
func isPartitioned(partition *intstr.IntOrString) bool {
	return partition != nil && (partition.Type == intstr.String || partition.IntVal != 0)
}

func validatePriority(priority *v1beta1.UpdatePriorityStrategy, path *field.Path) field.ErrorList {
	if priority == nil {
		return nil
	}
	var errs field.ErrorList
	if len(priority.OrderPriority) > 0 && len(priority.WeightPriority) > 0 {
		errs = append(errs, field.Forbidden(path, "has both orderPriority and weightPriority: keep one of the two"))
	}
	for i := range priority.WeightPriority {
		errs = append(errs, validateWeight(&priority.WeightPriority[i], path.Child("weightPriority").Index(i))...)
	}
	for i := range priority.OrderPriority {
		if priority.OrderPriority[i].OrderedKey == "" {
			errs = append(errs, field.Required(path.Child("orderPriority").Index(i).Child("orderedKey"), "must be the key of a label"))
		}
	}
	return errs
}

func validateWeight(term *v1beta1.UpdatePriorityWeightTerm, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if term.Weight < 0 || term.Weight > 100 {
		errs = append(errs, field.Invalid(path.Child("weight"), term.Weight, "must be a number from 0 to 100"))
	}
	selector := path.Child("matchSelector")
	if fields.IsEmpty(&term.MatchSelector) {
		return append(errs, field.Invalid(selector, "{}", "must not be empty: it would give the same weight to every Pod"))
	}
	return append(errs, validateLabels(&term.MatchSelector, selector)...)
}

func validateScatter(terms v1beta1.UpdateScatterStrategy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[v1beta1.UpdateScatterTerm]bool{}
	for i, term := range terms {
		if term.Key == "" {
			errs = append(errs, field.Required(path.Index(i).Child("key"), "must be the key of a label"))
		}
		if seen[term] {
			errs = append(errs, field.Duplicate(path.Index(i), term.Key+"="+term.Value))
		}
		seen[term] = true
	}
	return errs
}
