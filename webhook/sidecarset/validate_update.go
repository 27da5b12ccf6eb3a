// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// ValidateUpdate returns what is wrong with a change of a SidecarSet. Containers may be added, renamed and removed.
func ValidateUpdate(set, old *v1beta1.SidecarSet) field.ErrorList {
	return append(validateUpgradeTypes(&set.Spec, &old.Spec), validateBaseUnchanged(set, old)...)
}

// validateUpgradeTypes: running Pods have either one container of that name or two, and an update in place cannot turn
// one into the other.
func validateUpgradeTypes(spec, old *v1beta1.SidecarSetSpec) field.ErrorList {
	before := map[string]v1beta1.SidecarContainerUpgradeType{}
	for i := range old.Containers {
		before[old.Containers[i].Name] = upgradeType(&old.Containers[i])
	}
	var errs field.ErrorList
	for i := range spec.Containers {
		c := &spec.Containers[i]
		if was, existed := before[c.Name]; existed && was != upgradeType(c) {
			path := field.NewPath("spec", "containers").Index(i).Child("upgradeStrategy", "upgradeType")
			errs = append(errs, field.Invalid(path, upgradeType(c), fmt.Sprintf(
				"must stay %s as long as the container is named %q: rename the container to change it", was, c.Name)))
		}
	}
	return errs
}

func upgradeType(c *v1beta1.SidecarContainer) v1beta1.SidecarContainerUpgradeType {
	if c.UpgradeStrategy.UpgradeType == "" {
		return v1beta1.SidecarContainerColdUpgrade
	}
	return c.UpgradeStrategy.UpgradeType
}

// validateBaseUnchanged: a canary's Pods would otherwise change hands without anybody having said so.
func validateBaseUnchanged(set, old *v1beta1.SidecarSet) field.ErrorList {
	now, was := set.Annotations[v1beta1.SidecarSetBaseAnnotation], old.Annotations[v1beta1.SidecarSetBaseAnnotation]
	if now == was {
		return nil
	}
	return field.ErrorList{field.Invalid(basePath, now, fmt.Sprintf(
		"must stay %q: the base of a canary cannot change; create another SidecarSet instead", was))}
}
