// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strings"

	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Hook refuses handlers that no Pod could carry: such a hook would let everything pass, or nothing.
func Hook(hook *v1beta1.LifecycleHook, path *field.Path) field.ErrorList {
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
		errs = append(errs, finalizer(name, path.Child("finalizersHandler").Index(i))...)
	}
	return errs
}

// finalizer says what is wrong with the name of one: Kubernetes lets no Pod carry a finalizer of another form.
func finalizer(name string, path *field.Path) field.ErrorList {
	if !strings.Contains(name, "/") {
		return field.ErrorList{field.Invalid(path, name, `must be qualified by a domain, such as "example.com/hold"`)}
	}
	var errs field.ErrorList
	for _, message := range validation.IsQualifiedName(name) {
		errs = append(errs, field.Invalid(path, name, "cannot be the name of a finalizer: "+message))
	}
	return errs
}
