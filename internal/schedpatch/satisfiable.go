// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"math"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
)

// canMeet reports whether a node can exist that meets all of these requirements on one label: exactly, as far as labels
// are ones that the API server takes. With always they are about a field, which every node has.
func canMeet(requirements []corev1.NodeSelectorRequirement, always bool) bool {
	v := readValues(requirements)
	switch {
	case !always && !v.present:
		return true // NotIn and DoesNotExist hold on a node without the label
	case v.absent:
		return false
	case v.among != nil:
		return slices.ContainsFunc(v.among.UnsortedList(), v.allow)
	default:
		return !v.compared || v.holdsNumber()
	}
}

// values are what requirements on one label leave of all values.
type values struct {
	// present: a node must have the label; absent: it must not.
	present, absent bool
	// among are the values that every In allows, nil without any; not are those of all NotIn.
	among, not sets.Set[string]
	// compared: the value must be a whole number from lowest to highest.
	compared        bool
	lowest, highest int64
}

// readValues begins with what every label's value is: its first character is a letter or a digit, so that no number is
// below 0.
func readValues(requirements []corev1.NodeSelectorRequirement) *values {
	v := &values{not: sets.Set[string]{}, highest: math.MaxInt64}
	for i := range requirements {
		v.add(&requirements[i])
	}
	return v
}

func (v *values) add(r *corev1.NodeSelectorRequirement) {
	switch r.Operator {
	case corev1.NodeSelectorOpNotIn:
		v.not.Insert(r.Values...)
		return
	case corev1.NodeSelectorOpDoesNotExist:
		v.absent = true
		return
	case corev1.NodeSelectorOpIn:
		if allowed := sets.New(r.Values...); v.among == nil {
			v.among = allowed
		} else {
			v.among = v.among.Intersection(allowed)
		}
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		v.compare(r)
	case corev1.NodeSelectorOpExists:
	}
	v.present = true
}

// compare narrows the interval. Nothing is greater than the greatest number, or less than the least.
func (v *values) compare(r *corev1.NodeSelectorRequirement) {
	v.compared = true
	bound, err := strconv.ParseInt(strings.Join(r.Values, ","), 10, 64)
	greater := r.Operator == corev1.NodeSelectorOpGt
	switch {
	case err != nil, greater && bound == math.MaxInt64, !greater && bound == math.MinInt64:
		v.highest = -1
	case greater:
		v.lowest = max(v.lowest, bound+1)
	default:
		v.highest = min(v.highest, bound-1)
	}
}

// allow reports whether a value meets what is not In.
func (v *values) allow(value string) bool {
	if v.compared {
		number, err := strconv.ParseInt(value, 10, 64)
		if err != nil || number < v.lowest || number > v.highest {
			return false
		}
	}
	return !v.not.Has(value)
}

// holdsNumber reports whether a number of the interval is left. A number has many spellings, 7 and 07 among them, and
// each value of NotIn excludes one: the search ends after as many steps as there are such values.
func (v *values) holdsNumber() bool {
	for number := v.lowest; number <= v.highest; number++ {
		digits := strconv.FormatInt(number, 10)
		for len(digits) <= validation.LabelValueMaxLength {
			if !v.not.Has(digits) {
				return true
			}
			digits = "0" + digits
		}
		if number == math.MaxInt64 {
			break
		}
	}
	return false
}
