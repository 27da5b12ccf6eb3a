// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/fields"
)

func validateLifecycle(lifecycle *v1beta1.Lifecycle, path *field.Path) field.ErrorList {
	if lifecycle == nil {
		return nil
	}
	return slices.Concat(
		fields.Hook(lifecycle.PreDelete, path.Child("preDelete")),
		fields.Hook(lifecycle.InPlaceUpdate, path.Child("inPlaceUpdate")),
		fields.Hook(lifecycle.PreNormal, path.Child("preNormal")),
	)
}

// lifecycleWarnings names timeouts of hooks that wait for as long as it takes.
func lifecycleWarnings(lifecycle *v1beta1.Lifecycle, path *field.Path) (out []string) {
	if lifecycle == nil {
		return nil
	}
	warn := func(hook *v1beta1.LifecycleHook, name string) {
		if hook != nil && hook.TimeoutSeconds != nil {
			out = append(out, fmt.Sprintf("%s: has no effect, only inPlaceUpdate has a timeout", path.Child(name, "timeoutSeconds")))
		}
	}
	warn(lifecycle.PreDelete, "preDelete")
	warn(lifecycle.PreNormal, "preNormal")
	return out
}
