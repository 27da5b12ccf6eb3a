// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// expands reports whether changed claim templates reach existing claims.
func expands(spec *v1beta1.StatefulSetSpec) bool {
	return spec.VolumeClaimUpdateStrategy.Type == v1beta1.OnPodRollingUpdateVolumeClaimUpdateStrategy
}

// validateExpansion checks changed claim templates under OnPodRollingUpdate: the operator can only make existing claims
// larger, so a template may change in nothing else. Labels and annotations are left alone: they are for new claims.
func validateExpansion(spec, old *v1beta1.StatefulSetSpec, classes Classes, path *field.Path) field.ErrorList {
	if !expands(spec) {
		return nil
	}
	var errs field.ErrorList
	for i := range old.VolumeClaimTemplates {
		before := &old.VolumeClaimTemplates[i]
		at := indexOfClaim(spec.VolumeClaimTemplates, before.Name)
		if at < 0 {
			errs = append(errs, field.Forbidden(path, fmt.Sprintf(
				"must keep %q: under volumeClaimUpdateStrategy OnPodRollingUpdate no template can be removed or renamed; set the "+
					"type to OnDelete to do so", before.Name)))
			continue
		}
		errs = append(errs, validateClaimChange(&spec.VolumeClaimTemplates[at], before, classes, path.Index(at).Child("spec"))...)
	}
	return errs
}

func indexOfClaim(claims []corev1.PersistentVolumeClaim, name string) int {
	return slices.IndexFunc(claims, func(c corev1.PersistentVolumeClaim) bool { return c.Name == name })
}

func validateClaimChange(claim, old *corev1.PersistentVolumeClaim, classes Classes, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	before := partsOf(&defaultedClaim(old).Spec)
	for i, part := range partsOf(&defaultedClaim(claim).Spec) {
		if !equality.Semantic.DeepEqual(part.value, before[i].value) {
			errs = append(errs, field.Forbidden(path.Child(part.path[0], part.path[1:]...),
				"cannot change under volumeClaimUpdateStrategy OnPodRollingUpdate, which can only make claims larger; set the "+
					"type to OnDelete to change it for new claims"))
		}
	}
	return append(errs, validateGrowth(claim, old, classes, path.Child("resources", "requests").Key("storage"))...)
}

// part is a field of a claim's spec.
type part struct {
	path  []string
	value any
}

// partsOf lists everything that a claim asks for but the size.
func partsOf(spec *corev1.PersistentVolumeClaimSpec) []part {
	requests := spec.Resources.Requests.DeepCopy()
	delete(requests, corev1.ResourceStorage)
	return []part{
		{[]string{"accessModes"}, spec.AccessModes},
		{[]string{"selector"}, spec.Selector},
		{[]string{"resources", "limits"}, spec.Resources.Limits},
		{[]string{"resources", "requests"}, requests},
		{[]string{"volumeName"}, spec.VolumeName},
		{[]string{"storageClassName"}, spec.StorageClassName},
		{[]string{"volumeMode"}, spec.VolumeMode},
		{[]string{"dataSource"}, spec.DataSource},
		{[]string{"dataSourceRef"}, spec.DataSourceRef},
		{[]string{"volumeAttributesClassName"}, spec.VolumeAttributesClassName},
	}
}

// validateGrowth: a size may only rise, and only where the storage can follow.
func validateGrowth(claim, old *corev1.PersistentVolumeClaim, classes Classes, path *field.Path) field.ErrorList {
	size, before := claim.Spec.Resources.Requests.Storage(), old.Spec.Resources.Requests.Storage()
	switch size.Cmp(*before) {
	case 0:
		return nil
	case -1:
		return field.ErrorList{field.Invalid(path, size.String(), fmt.Sprintf("must be at least %s, as it was: claims cannot shrink", before))}
	}
	if obstacle := expansionObstacle(claim, classes); obstacle != "" {
		return field.ErrorList{field.Invalid(path, size.String(), fmt.Sprintf(
			"cannot grow from %s: %s; set volumeClaimUpdateStrategy.type to OnDelete to change it for new claims only", before, obstacle))}
	}
	return nil
}

// expansionObstacle says why claims made from a template cannot grow; it is empty when they can.
func expansionObstacle(claim *corev1.PersistentVolumeClaim, classes Classes) string {
	name, class := classes.classOf(claim)
	_, named := namedClass(claim)
	switch {
	case name == "" && named:
		return "the claim wants no StorageClass, and only one could expand it"
	case name == "":
		return "the claim names no StorageClass and the cluster has no default one"
	case class == nil:
		return fmt.Sprintf("there is no StorageClass %q", name)
	case !canExpand(class):
		return fmt.Sprintf("StorageClass %q does not have allowVolumeExpansion: true", name)
	default:
		return ""
	}
}
