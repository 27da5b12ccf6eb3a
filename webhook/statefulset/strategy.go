// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"math"
	"regexp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/fields"
)

// maxRollingMinReadySeconds is the most that rollingUpdate.minReadySeconds may be.
const maxRollingMinReadySeconds = 300

func validateManagement(policy appsv1.PodManagementPolicyType, path *field.Path) field.ErrorList {
	return fields.Choice(policy, path, appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement)
}

func isParallel(spec *v1beta1.StatefulSetSpec) bool {
	return spec.PodManagementPolicy == appsv1.ParallelPodManagement
}

func validateUpdateStrategy(spec *v1beta1.StatefulSetSpec, path *field.Path) field.ErrorList {
	errs := fields.Choice(spec.UpdateStrategy.Type, path.Child("type"),
		appsv1.RollingUpdateStatefulSetStrategyType, appsv1.OnDeleteStatefulSetStrategyType)
	rolling := spec.UpdateStrategy.RollingUpdate
	if rolling == nil {
		return errs
	}
	path = path.Child("rollingUpdate")
	return slices.Concat(errs,
		validateRange(rolling.Partition, path.Child("partition"), 0, math.MaxInt32),
		validateCount(rolling.MaxUnavailable, path.Child("maxUnavailable")),
		validateRange(rolling.MinReadySeconds, path.Child("minReadySeconds"), 0, maxRollingMinReadySeconds),
		fields.Choice(rolling.PodUpdatePolicy, path.Child("podUpdatePolicy"), v1beta1.ReCreatePodUpdatePolicy,
			v1beta1.InPlaceIfPossiblePodUpdatePolicy, v1beta1.InPlaceOnlyPodUpdatePolicy),
		validateInPlaceStrategy(rolling.InPlaceUpdateStrategy, path.Child("inPlaceUpdateStrategy")),
		validateUnordered(spec, path.Child("unorderedUpdate")),
	)
}

func validateInPlaceStrategy(strategy *v1beta1.InPlaceUpdateStrategy, path *field.Path) field.ErrorList {
	if strategy == nil {
		return nil
	}
	return validateRange(&strategy.GracePeriodSeconds, path.Child("gracePeriodSeconds"), 0, math.MaxInt32)
}

func validateUnordered(spec *v1beta1.StatefulSetSpec, path *field.Path) field.ErrorList {
	unordered := spec.UpdateStrategy.RollingUpdate.UnorderedUpdate
	if unordered == nil {
		return nil
	}
	var errs field.ErrorList
	if !isParallel(spec) {
		errs = append(errs, field.Forbidden(path, "needs podManagementPolicy Parallel; remove it, or make a StatefulSet with Parallel"))
	}
	return append(errs, validatePriority(unordered.PriorityStrategy, path.Child("priorityStrategy"))...)
}

// validateScaleStrategy: OrderedReady makes one Pod after the other anyway, so that more than 1 is a misunderstanding.
func validateScaleStrategy(spec *v1beta1.StatefulSetSpec, path *field.Path) field.ErrorList {
	if spec.ScaleStrategy == nil || spec.ScaleStrategy.MaxUnavailable == nil {
		return nil
	}
	path, limit := path.Child("maxUnavailable"), spec.ScaleStrategy.MaxUnavailable
	errs := validateCount(limit, path)
	if len(errs) == 0 && !isParallel(spec) && *limit != intstr.FromInt32(1) {
		errs = append(errs, field.Forbidden(path, "other than 1 needs podManagementPolicy Parallel: OrderedReady starts one Pod after the other"))
	}
	return errs
}

var percentage = regexp.MustCompile(`^([1-9][0-9]?|100)%$`)

// validateCount accepts a number from 1 up, or a percentage from 1 to 100.
func validateCount(value *intstr.IntOrString, path *field.Path) field.ErrorList {
	if value == nil || (value.Type == intstr.Int && value.IntVal >= 1) || percentage.MatchString(value.StrVal) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, value.String(), `must be a number of Pods from 1 up, or a percentage from "1%" to "100%"`)}
}

func validatePriority(priority *v1beta1.UpdatePriorityStrategy, path *field.Path) field.ErrorList {
	if priority == nil {
		return nil
	}
	var errs field.ErrorList
	if len(priority.OrderPriority) > 0 && len(priority.WeightPriority) > 0 {
		errs = append(errs, field.Forbidden(path, "has both orderPriority and weightPriority; keep one of the two"))
	}
	for i := range priority.WeightPriority {
		errs = append(errs, validateWeight(&priority.WeightPriority[i], path.Child("weightPriority").Index(i))...)
	}
	for i := range priority.OrderPriority {
		key, path := priority.OrderPriority[i].OrderedKey, path.Child("orderPriority").Index(i).Child("orderedKey")
		errs = append(errs, metav1validation.ValidateLabelName(key, path)...)
	}
	return errs
}

func validateWeight(term *v1beta1.UpdatePriorityWeightTerm, path *field.Path) field.ErrorList {
	return slices.Concat(
		validateRange(&term.Weight, path.Child("weight"), 0, 100),
		validateSelector(&term.MatchSelector, path.Child("matchSelector")),
	)
}
