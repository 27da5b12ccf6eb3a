// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"
	"strings"

	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

func validateLifecycle(lifecycle *v1beta1.Lifecycle, path *field.Path) field.ErrorList {
	if lifecycle == nil {
		return nil
	}
	return slices.Concat(
		validateHook(lifecycle.PreDelete, path.Child("preDelete")),
		validateHook(lifecycle.InPlaceUpdate, path.Child("inPlaceUpdate")),
		validateHook(lifecycle.PreNormal, path.Child("preNormal")),
	)
}

// validateHook refuses handlers that no Pod could carry: such a hook would let everything pass, or nothing.
func validateHook(hook *v1beta1.LifecycleHook, path *field.Path) field.ErrorList {
	if hook == nil {
		return nil
	}
	if len(hook.LabelsHandler) == 0 && len(hook.FinalizersHandler) == 0 {
		return field.ErrorList{field.Required(path,
			"must have an entry in labelsHandler or finalizersHandler by which Pods are held: without any it holds none; "+
				"remove the hook if that is meant")}
	}
	errs := metav1validation.ValidateLabels(hook.LabelsHandler, path.Child("labelsHandler"))
	for i, name := range hook.FinalizersHandler {
		errs = append(errs, validateFinalizer(name, path.Child("finalizersHandler").Index(i))...)
	}
	return errs
}

// validateFinalizer: Kubernetes lets no Pod carry a finalizer of another form.
func validateFinalizer(name string, path *field.Path) field.ErrorList {
	if !strings.Contains(name, "/") {
		return field.ErrorList{field.Invalid(path, name, `must be qualified by a domain, such as "example.com/hold"`)}
	}
	var errs field.ErrorList
	for _, message := range validation.IsQualifiedName(name) {
		errs = append(errs, field.Invalid(path, name, "cannot be the name of a finalizer: "+message))
	}
	return errs
}
