// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// namedConflicts is how many other sets a message names at most.
const namedConflicts = 3

// Conflict is a field of a set that cannot go together with other sets in one Pod.
type Conflict struct {
	placedEntry
	// With names the other sets, sorted.
	With []string
}

// Conflicts finds what a set would bring into a Pod that another set, which can be for the same Pod, brings too. A
// canary and its base never conflict. It fails when a selector of the set cannot be understood.
func Conflicts(set *v1beta1.SidecarSet, stored *Stored) ([]Conflict, error) {
	own, err := reachOf(set)
	if err != nil {
		return nil, err
	}
	var out []Conflict
	for _, c := range entriesOf(&set.Spec) {
		var with []string
		stored.each(c.entry, func(other *reach) {
			if other.set.Name != set.Name && !arePaired(set, other.set) && own.meets(other) && excludes(c, set, other.set) {
				with = append(with, other.set.Name)
			}
		})
		if with = untold(with, c, out); len(with) > 0 {
			slices.Sort(with)
			out = append(out, Conflict{c, with})
		}
	}
	return out, nil
}

// untold leaves out the sets that an earlier entry of the same field conflicts with: of two hot upgraded sidecars of
// one name, that name is enough to tell.
func untold(with []string, c placedEntry, before []Conflict) []string {
	return slices.DeleteFunc(with, func(name string) bool {
		return slices.ContainsFunc(before, func(told Conflict) bool {
			return told.path == c.path && slices.Contains(told.With, name)
		})
	})
}

// excludes reports whether two sets that bring the same entry cannot both have it.
func excludes(c placedEntry, set, other *v1beta1.SidecarSet) bool {
	switch c.kind {
	case volumeEntry:
		return !sameVolume(c.name, &set.Spec, &other.Spec)
	case annotationEntry:
		return overwrites(set.Spec.PatchPodMetadata[c.index].PatchPolicy, policyOf(c.name, other.Spec.PatchPodMetadata))
	default:
		return true
	}
}

// sameVolume compares the volumes of this name as a Pod would have them.
func sameVolume(name string, a, b *v1beta1.SidecarSetSpec) bool {
	volumes := func(spec *v1beta1.SidecarSetSpec) *v1beta1.SidecarSetSpec {
		only := &v1beta1.SidecarSetSpec{}
		for i := range spec.Volumes {
			if spec.Volumes[i].Name == name {
				only.Volumes = append(only.Volumes, spec.Volumes[i])
			}
		}
		return sidecar.Default(only)
	}
	return equality.Semantic.DeepEqual(volumes(a).Volumes, volumes(b).Volumes)
}

func policyOf(key string, patches []v1beta1.SidecarSetPatchPodMetadata) v1beta1.SidecarSetPatchPolicyType {
	for i := range patches {
		if _, ok := patches[i].Annotations[key]; ok {
			return patches[i].PatchPolicy
		}
	}
	return v1beta1.SidecarSetRetainPatchPolicy
}

// overwrites reports whether one of two patches of an annotation undoes the other. Retain yields to whatever is there,
// and merges add up.
func overwrites(a, b v1beta1.SidecarSetPatchPolicyType) bool {
	yields := func(p v1beta1.SidecarSetPatchPolicyType) bool {
		return p == "" || p == v1beta1.SidecarSetRetainPatchPolicy
	}
	if yields(a) || yields(b) {
		return false
	}
	return a == v1beta1.SidecarSetOverwritePatchPolicy || b == v1beta1.SidecarSetOverwritePatchPolicy
}

// Error says what conflicts with whom, and what to do.
func (c Conflict) Error() *field.Error {
	const remedy = "or make the selectors or namespaces of the sets exclude each other"
	others := others(c.With)
	switch c.kind {
	case volumeEntry:
		return field.Invalid(c.path, c.name, fmt.Sprintf(
			"another volume of this name comes from %s, which can be for the same Pods: make the volumes equal, rename one, %s", others, remedy))
	case annotationEntry:
		return field.Invalid(c.path, c.name, fmt.Sprintf(
			"the annotation is patched by %s too, which can be for the same Pods, and one overwrites the other: use "+
				"patchPolicy Retain, %s", others, remedy))
	default:
		return field.Invalid(c.path, c.name, fmt.Sprintf(
			"a container of this name comes from %s too, which can be for the same Pods: rename one, %s", others, remedy))
	}
}

func others(names []string) string {
	quoted := make([]string, 0, namedConflicts)
	for _, name := range names[:min(len(names), namedConflicts)] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	list := "SidecarSet " + strings.Join(quoted, ", ")
	if more := len(names) - namedConflicts; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// splitConflicts tells conflicts that a change brings from those that the stored set has already. The latter, stored
// while no webhook answered or by a program that did not see them, must not stand in the way of a change that has
// nothing to do with them.
func splitConflicts(now, before []Conflict) (brought, known []Conflict) {
	had := map[entry][]string{}
	for _, c := range before {
		had[c.entry] = c.With
	}
	for _, c := range now {
		fresh := slices.DeleteFunc(slices.Clone(c.With), func(name string) bool { return slices.Contains(had[c.entry], name) })
		if len(fresh) > 0 {
			brought = append(brought, Conflict{c.placedEntry, fresh})
		} else {
			known = append(known, c)
		}
	}
	return brought, known
}
