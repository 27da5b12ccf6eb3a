// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/calculator"
	"github.com/windlass-operator/windlass/webhook/fields"
)

// validateResources checks how a sidecar's resources are computed. Expressions are validated by what they compute, cores
// or bytes, never by trying them with a made-up number: cpu-2 is fine for the Pods that have more than two.
func validateResources(c located, path *field.Path) field.ErrorList {
	policy := c.ResourcesPolicy
	if policy == nil {
		return nil
	}
	var errs field.ErrorList
	if len(c.Resources.Limits) > 0 || len(c.Resources.Requests) > 0 {
		errs = append(errs, field.Forbidden(path, "cannot be combined with resources.limits or resources.requests: remove one of the two"))
	}
	if c.init && !c.isNative() {
		errs = append(errs, field.Forbidden(path,
			"an init container may have it only when it keeps running: set its restartPolicy to Always, or remove it"))
	}
	return slices.Concat(errs,
		validateTargets(policy, path),
		validateExpressions(&policy.ResourcesExpr, path.Child("resourcesExpr")),
	)
}

func validateTargets(policy *v1beta1.ResourcesPolicy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if policy.TargetContainersMode == "" {
		errs = append(errs, field.Required(path.Child("targetContainersMode"), `must be "sum" or "max"`))
	}
	errs = append(errs, fields.Choice(policy.TargetContainersMode, path.Child("targetContainersMode"),
		v1beta1.TargetContainersModeSum, v1beta1.TargetContainersModeMax)...)
	if _, err := regexp.Compile(policy.TargetContainersNameRegex); err != nil {
		errs = append(errs, field.Invalid(path.Child("targetContainersNameRegex"), policy.TargetContainersNameRegex,
			fmt.Sprintf("must be a regular expression (RE2): %v", err)))
	}
	return errs
}

func validateExpressions(expressions *v1beta1.ResourcesExpr, path *field.Path) field.ErrorList {
	if expressions.Limits == nil && expressions.Requests == nil {
		return field.ErrorList{field.Required(path, "must have limits, requests or both")}
	}
	var errs field.ErrorList
	check := func(path *field.Path, name corev1.ResourceName, text string) {
		if err := checkExpression(name, text); err != nil {
			errs = append(errs, field.Invalid(path.Child(string(name)), text, err.Error()))
		}
	}
	if limits := expressions.Limits; limits != nil {
		check(path.Child("limits"), corev1.ResourceCPU, limits.CPU)
		check(path.Child("limits"), corev1.ResourceMemory, limits.Memory)
	}
	if requests := expressions.Requests; requests != nil {
		check(path.Child("requests"), corev1.ResourceCPU, requests.CPU)
		check(path.Child("requests"), corev1.ResourceMemory, requests.Memory)
	}
	return errs
}

// checkExpression accepts what can be computed, and nothing where none is given.
func checkExpression(name corev1.ResourceName, text string) error {
	if text == "" {
		return nil
	}
	expression, err := calculator.Parse(text)
	if err != nil {
		return err
	}
	return expression.Check(name)
}
