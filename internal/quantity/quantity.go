// SPDX-License-Identifier: Apache-2.0

// Package quantity bounds the quantities that people write before anything computes with them. To compare or to add
// quantities, resource.Quantity writes out their powers of ten: "1e2147483647" fits into a line and costs gigabytes.
// With a negative exponent reading it is enough. So whatever comes from outside passes here first: JSON by Bound before
// it is decoded, and objects that a library has decoded by Find or Cap. Which fields are quantities is told by the
// types, so a new one is never forgotten. It is pure.
package quantity

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Kubernetes itself caps what is above 2^63-1 and rounds up what is below 1n, so nothing that means anything is out of
// these bounds.
const (
	// MaxLength is how many characters a quantity may have.
	MaxLength = 64
	// MaxExponent is how large its exponent may be, and how small.
	MaxExponent = 30
)

// allowed is what an error says.
var allowed = fmt.Sprintf("a quantity has at most %d characters and an exponent from -%d to %d", MaxLength, MaxExponent, MaxExponent)

// Check reports why the text of a quantity is out of bounds, nil when it is not. Of what is no quantity at all it says
// nothing: decoding will.
func Check(text string) error {
	text = strings.TrimSpace(text)
	if len(text) > MaxLength {
		return fmt.Errorf("it has %d characters; %s", len(text), allowed)
	}
	at := strings.IndexAny(text, "eE")
	if at < 0 {
		return nil
	}
	exponent, err := strconv.Atoi(text[at+1:])
	if errors.Is(err, strconv.ErrSyntax) { // a suffix, such as Ei
		return nil
	}
	if err != nil || exponent > MaxExponent || exponent < -MaxExponent {
		return fmt.Errorf("its exponent is %s; %s", shorten(text[at+1:]), allowed)
	}
	return nil
}

const (
	// maxBits is more than what is in bounds needs, written out to its nanos, and maxScale more powers of ten than that
	// has.
	maxBits  = 512
	maxScale = MaxLength + MaxExponent
)

// InBounds reports whether a decoded quantity can be computed with at a bounded cost. It writes out no power of ten
// itself. That its value is small does not suffice: 0e2147483647 is zero.
func InBounds(q *resource.Quantity) bool {
	number := q.DeepCopy() // AsDec changes how a quantity is kept
	decimal := number.AsDec()
	scale := decimal.Scale()
	return scale <= maxScale && scale >= -maxScale && decimal.UnscaledBig().BitLen() <= maxBits
}

// most is what stands for a quantity out of bounds: what Kubernetes caps those at that are too large.
var most = resource.MustParse("9223372036854775807")

// mostText is most as JSON has it.
const mostText = "9223372036854775807"

// fault is that of a quantity at a place.
func fault(path *field.Path, text string, err error) *field.Error {
	return field.Invalid(path, shorten(text), err.Error())
}

// shorten cuts a value for a message.
func shorten(text string) string {
	const most = 24
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
