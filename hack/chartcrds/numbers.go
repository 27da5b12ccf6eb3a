// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"

	"k8s.io/utils/ptr"
)

// boundNumber bounds a number where a text may stand too, which a marker cannot: a program that reads a larger one out of
// a list cannot decode that list, so it must not even be stored while no webhook answers. Quantities, which have a pattern
// by then, are bounded by that; plain numbers by their format.
func boundNumber(schema *schemaProps) {
	if !schema.XIntOrString || schema.Pattern == quantityPattern {
		return
	}
	schema.Maximum = ptr.To[float64](math.MaxInt32)
	if schema.Minimum == nil {
		schema.Minimum = ptr.To[float64](math.MinInt32)
	}
}
