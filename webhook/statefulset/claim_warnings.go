// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// claimWarnings tells what becomes of claims when their templates have changed.
func claimWarnings(input Input, path *field.Path) []string {
	var out []string
	spec, old := &input.Set.Spec, specOf(input.Old)
	for i := range spec.VolumeClaimTemplates {
		claim, at := &spec.VolumeClaimTemplates[i], path.Index(i)
		before := claimBefore(old, claim.Name)
		if before == nil || isClaimChanged(claim, before) || expands(spec) != expands(old) {
			out = append(out, classWarnings(spec, claim, input.Classes, at.Child("spec"))...)
		}
		if old != nil {
			out = append(out, changeWarnings(spec, claim, before, at)...)
		}
	}
	return append(out, removalWarnings(spec, old, path)...)
}

// claimBefore returns what a claim template was; nil when it is new.
func claimBefore(old *v1beta1.StatefulSetSpec, name string) *corev1.PersistentVolumeClaim {
	if old == nil {
		return nil
	}
	at := indexOfClaim(old.VolumeClaimTemplates, name)
	if at < 0 {
		return nil
	}
	return &old.VolumeClaimTemplates[at]
}

func isClaimChanged(claim, before *corev1.PersistentVolumeClaim) bool {
	return !equality.Semantic.DeepEqual(defaultedClaim(claim).Spec, defaultedClaim(before).Spec) || isMetadataChanged(claim, before)
}

func isMetadataChanged(claim, before *corev1.PersistentVolumeClaim) bool {
	return !equality.Semantic.DeepEqual(claim.Labels, before.Labels) || !equality.Semantic.DeepEqual(claim.Annotations, before.Annotations)
}

// classWarnings tells that claims will wait or cannot grow. A class without an object is no mistake: volumes that
// somebody made by hand may carry its name.
func classWarnings(spec *v1beta1.StatefulSetSpec, claim *corev1.PersistentVolumeClaim, classes Classes, path *field.Path) []string {
	var out []string
	name, class := classes.classOf(claim)
	_, named := namedClass(claim)
	at := path.Child("storageClassName")
	switch {
	case class == nil && name != "":
		out = append(out, fmt.Sprintf("%s: there is no StorageClass %q: claims wait for it, or for a volume that has it", at, name))
	case class == nil && !named:
		out = append(out, fmt.Sprintf("%s: is not given and the cluster has no default StorageClass: claims wait for one, "+
			"or for a volume without", at))
	}
	if obstacle := expansionObstacle(claim, classes); obstacle != "" && expands(spec) {
		out = append(out, fmt.Sprintf("%s: claims of %q cannot grow, for which volumeClaimUpdateStrategy asks: %s", path, claim.Name, obstacle))
	}
	return out
}

// changeWarnings tells what a new or changed template leaves as it is. before is nil for a new one.
func changeWarnings(spec *v1beta1.StatefulSetSpec, claim, before *corev1.PersistentVolumeClaim, path *field.Path) []string {
	switch {
	case before == nil:
		return []string{fmt.Sprintf("%s: %q is new: a running Pod gets its claim when it is made anew", path, claim.Name)}
	case !isClaimChanged(claim, before):
		return nil
	case !expands(spec):
		return []string{fmt.Sprintf("%s: existing claims of %q stay as they are: under volumeClaimUpdateStrategy OnDelete a "+
			"Pod gets a claim like this once its old one is deleted", path, claim.Name)}
	case isMetadataChanged(claim, before):
		return []string{fmt.Sprintf("%s: existing claims of %q keep their labels and annotations", path.Child("metadata"), claim.Name)}
	default:
		return nil
	}
}

// keptWarning tells what a partition has to do with a claim template that is gone: Pods of the revision that it keeps
// still mount that.
func keptWarning(spec, old *v1beta1.StatefulSetSpec, name string) string {
	partition := partitionOf(spec)
	if partition == 0 || !mounts(&old.Template, name) {
		return ""
	}
	return fmt.Sprintf(", but for those that partition %d keeps at the revision that mounts it: these can be made only "+
		"where their claim %s-<Pod> exists; "+
		"new ordinals wait until the template is back or the partition is lower", partition, name)
}

func partitionOf(spec *v1beta1.StatefulSetSpec) int32 {
	if spec.UpdateStrategy.RollingUpdate == nil {
		return 0
	}
	return ptr.Deref(spec.UpdateStrategy.RollingUpdate.Partition, 0)
}

// mounts reports whether a container of a template uses a volume.
func mounts(template *corev1.PodTemplateSpec, volume string) bool {
	for i := range template.Spec.Volumes {
		if template.Spec.Volumes[i].Name == volume {
			return false // it brings one of its own
		}
	}
	uses := func(c corev1.Container) bool {
		return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume }) ||
			slices.ContainsFunc(c.VolumeDevices, func(d corev1.VolumeDevice) bool { return d.Name == volume })
	}
	return slices.ContainsFunc(template.Spec.InitContainers, uses) || slices.ContainsFunc(template.Spec.Containers, uses)
}

func removalWarnings(spec, old *v1beta1.StatefulSetSpec, path *field.Path) []string {
	if old == nil {
		return nil
	}
	var out []string
	for i := range old.VolumeClaimTemplates {
		if name := old.VolumeClaimTemplates[i].Name; indexOfClaim(spec.VolumeClaimTemplates, name) < 0 {
			out = append(out, fmt.Sprintf("%s: %q is gone: its claims stay, and Pods made from now on do not have them", path,
				name)+keptWarning(spec, old, name))
		}
	}
	return out
}
