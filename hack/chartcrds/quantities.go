// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/quantity"
)

// boundedKinds are the types that quantities are looked for in, by kind. The versions of a kind share one schema.
var boundedKinds = map[string]any{"SidecarSet": &v1beta1.SidecarSet{}, "StatefulSet": &v1beta1.StatefulSet{}}

// quantityPattern takes exponents from -30 to 30, and all that has none: what is no quantity is for others to refuse.
var quantityPattern = fmt.Sprintf(`^[^eE]*([eE][^0-9]*|[eE][-+]?0*([0-9]|[12][0-9]|%d)\s*)?$`, quantity.MaxExponent)

// boundQuantities completes a schema with what is above every quantity, and bounds those: a program that only decodes a
// quantity with a huge exponent may run out of memory, so it must not even be stored while no webhook answers. All else
// that has no schema stays without one.
func boundQuantities(schema *schemaProps, place *quantity.Place) {
	switch {
	case place.Leaf:
		boundQuantity(schema)
	case place.List:
		if schema.Items == nil {
			schema.Items = &apiextensionsv1.JSONSchemaPropsOrArray{Schema: anything("")}
			schema.Items.Schema.Type = typeOf(place.Each)
		}
		boundQuantities(schema.Items.Schema, place.Each)
	case place.Each != nil:
		if schema.AdditionalProperties == nil {
			schema.XPreserveUnknownFields = nil
			schema.AdditionalProperties = &apiextensionsv1.JSONSchemaPropsOrBool{Allows: true, Schema: anything(typeOf(place.Each))}
		}
		boundQuantities(schema.AdditionalProperties.Schema, place.Each)
	default:
		boundFields(schema, place)
	}
}

func boundFields(schema *schemaProps, place *quantity.Place) {
	if schema.Properties == nil {
		schema.Properties = map[string]schemaProps{}
	}
	for _, name := range slices.Sorted(maps.Keys(place.Fields)) {
		below := place.Fields[name]
		property, known := schema.Properties[name]
		if !known {
			property = *anything(typeOf(below))
		}
		boundQuantities(&property, below)
		schema.Properties[name] = property
	}
}

// anything is a schema that takes everything of a type.
func anything(kind string) *schemaProps {
	out := &schemaProps{Type: kind, Nullable: true}
	if kind != "array" {
		out.XPreserveUnknownFields = ptr.To(true)
	}
	return out
}

// typeOf is what a place is in JSON; a quantity is a number or a string.
func typeOf(place *quantity.Place) string {
	switch {
	case place.Leaf:
		return ""
	case place.List:
		return "array"
	}
	return "object"
}

func boundQuantity(schema *schemaProps) {
	schema.MaxLength = ptr.To[int64](quantity.MaxLength)
	schema.Pattern = quantityPattern
}
