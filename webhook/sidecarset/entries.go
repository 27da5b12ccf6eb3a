// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// entry is something of a Pod that, as a rule, one SidecarSet alone can bring.
type entry struct {
	kind entryKind
	name string
}

type entryKind int8

const (
	// containerEntry: containers and init containers share one room of names.
	containerEntry entryKind = iota
	volumeEntry
	annotationEntry
)

// placedEntry is an entry and the field that brings it.
type placedEntry struct {
	entry
	path *field.Path
	// index is where the field is in its list.
	index int
}

// entriesOf lists what a set brings into a Pod, in the order of its fields.
func entriesOf(spec *v1beta1.SidecarSetSpec) []placedEntry {
	var out []placedEntry
	for i, c := range sidecarsOf(spec) {
		path := c.path.Child("name")
		for _, name := range c.names() {
			out = append(out, placedEntry{entry{containerEntry, name}, path, i})
		}
	}
	for i := range spec.Volumes {
		out = append(out, placedEntry{entry{volumeEntry, spec.Volumes[i].Name}, field.NewPath("spec", "volumes").Index(i), i})
	}
	for i := range spec.PatchPodMetadata {
		annotations := field.NewPath("spec", "patchPodMetadata").Index(i).Child("annotations")
		for _, key := range slices.Sorted(maps.Keys(spec.PatchPodMetadata[i].Annotations)) {
			out = append(out, placedEntry{entry{annotationEntry, key}, annotations.Key(key), i})
		}
	}
	return out
}
