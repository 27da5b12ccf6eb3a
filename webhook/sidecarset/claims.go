// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// claim is something of a Pod that, as a rule, one SidecarSet alone can bring.
type claim struct {
	kind claimKind
	name string
}

type claimKind int8

const (
	// containerClaim: containers and init containers share one room of names.
	containerClaim claimKind = iota
	volumeClaim
	annotationClaim
)

// placedClaim is a claim and the field that makes it.
type placedClaim struct {
	claim
	path *field.Path
	// index is the entry of the list that the claim belongs to.
	index int
}

// claimsOf lists what a set brings into a Pod, in the order of its fields.
func claimsOf(spec *v1beta1.SidecarSetSpec) []placedClaim {
	var out []placedClaim
	for i, c := range sidecarsOf(spec) {
		path := c.path.Child("name")
		for _, name := range c.names() {
			out = append(out, placedClaim{claim{containerClaim, name}, path, i})
		}
	}
	for i := range spec.Volumes {
		out = append(out, placedClaim{claim{volumeClaim, spec.Volumes[i].Name}, field.NewPath("spec", "volumes").Index(i), i})
	}
	for i := range spec.PatchPodMetadata {
		annotations := field.NewPath("spec", "patchPodMetadata").Index(i).Child("annotations")
		for _, key := range slices.Sorted(maps.Keys(spec.PatchPodMetadata[i].Annotations)) {
			out = append(out, placedClaim{claim{annotationClaim, key}, annotations.Key(key), i})
		}
	}
	return out
}
