// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/fields"
)

// validateProtection: a value that is misspelt would protect nothing.
func validateProtection(labels map[string]string) field.ErrorList {
	value, found := labels[v1beta1.DeleteProtectionLabel]
	if !found {
		return nil
	}
	path := field.NewPath("metadata", "labels").Key(v1beta1.DeleteProtectionLabel)
	allowed := []string{v1beta1.DeleteProtectionAlways, v1beta1.DeleteProtectionCascading}
	if value == "" {
		return field.ErrorList{field.NotSupported(path, value, allowed)}
	}
	return fields.Choice(value, path, allowed...)
}

// ValidateDelete returns why a StatefulSet may not be deleted: its label policy.kruise.io/delete-protection says so.
// One that is on its way out already is no longer protected.
func ValidateDelete(set *v1beta1.StatefulSet) error {
	if set.DeletionTimestamp != nil {
		return nil
	}
	replicas := ptr.Deref(set.Spec.Replicas, 1)
	switch value := set.Labels[v1beta1.DeleteProtectionLabel]; {
	case value == v1beta1.DeleteProtectionAlways:
		return fmt.Errorf("the label %s=%s protects StatefulSet %s/%s from deletion; to delete it all the same, take the label away first: %s",
			v1beta1.DeleteProtectionLabel, value, set.Namespace, set.Name, unprotect(set))
	case value == v1beta1.DeleteProtectionCascading && replicas > 0:
		return fmt.Errorf("the label %s=%s protects StatefulSet %s/%s from deletion while spec.replicas, which is %d, is above 0; "+
			"scale it to 0 first: %s; or take the label away: %s",
			v1beta1.DeleteProtectionLabel, value, set.Namespace, set.Name, replicas, scaleToZero(set), unprotect(set))
	default:
		return nil
	}
}

// unprotect is the command that takes the label away. The resource is written with its group: without it kubectl takes
// the StatefulSets of apps/v1.
func unprotect(set *v1beta1.StatefulSet) string {
	return fmt.Sprintf("kubectl label %s %s -n %s %s-", resource, set.Name, set.Namespace, v1beta1.DeleteProtectionLabel)
}

func scaleToZero(set *v1beta1.StatefulSet) string {
	return fmt.Sprintf("kubectl scale %s %s -n %s --replicas=0", resource, set.Name, set.Namespace)
}
