// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// ordinalRange is what an entry of reserveOrdinals looks like that is no number.
var ordinalRange = regexp.MustCompile(`^([0-9]{1,10})-([0-9]{1,10})$`)

// validateOrdinals checks where the ordinals begin and which get no Pod. Entries may overlap.
func validateOrdinals(spec *v1beta1.StatefulSetSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spec.Ordinals != nil {
		errs = append(errs, validateRange(&spec.Ordinals.Start, path.Child("ordinals", "start"), 0, math.MaxInt32)...)
	}
	for i := range spec.ReserveOrdinals {
		entry, at := &spec.ReserveOrdinals[i], path.Child("reserveOrdinals").Index(i)
		if err := validateReserved(entry, at); err != nil {
			errs = append(errs, err)
		}
	}
	if last := lastOrdinal(spec); len(errs) == 0 && last > math.MaxInt32 {
		errs = append(errs, field.Invalid(path.Child("reserveOrdinals"), len(spec.ReserveOrdinals), fmt.Sprintf(
			"together with ordinals.start and replicas leaves ordinals up to %d, which are too large: the largest one is %d", last, math.MaxInt32)))
	}
	return errs
}

func validateReserved(entry *intstr.IntOrString, path *field.Path) *field.Error {
	if entry.Type == intstr.Int {
		if entry.IntVal < 0 {
			return field.Invalid(path, entry.IntVal, "must be an ordinal from 0 up")
		}
		return nil
	}
	first, last, ok := boundsOf(entry)
	switch {
	case !ok:
		return field.Invalid(path, entry.StrVal, `must be an ordinal from 0 up, as a number, or a range of ordinals such as "5-8"`)
	case first > last:
		return field.Invalid(path, entry.StrVal, fmt.Sprintf(`must begin with the lower ordinal: write "%d-%d"`, last, first))
	case last > math.MaxInt32:
		return field.Invalid(path, entry.StrVal, fmt.Sprintf("must end at %d, the largest ordinal, or before", math.MaxInt32))
	default:
		return nil
	}
}

// boundsOf returns the first and the last ordinal of an entry.
func boundsOf(entry *intstr.IntOrString) (first, last int64, ok bool) {
	if entry.Type == intstr.Int {
		return int64(entry.IntVal), int64(entry.IntVal), true
	}
	match := ordinalRange.FindStringSubmatch(entry.StrVal)
	if match == nil {
		return 0, 0, false
	}
	// Ten digits always fit.
	first, _ = strconv.ParseInt(match[1], 10, 64)
	last, _ = strconv.ParseInt(match[2], 10, 64)
	return first, last, true
}

// lastOrdinal is the highest ordinal that a Pod can get, as if no entry of reserveOrdinals overlapped another. It is
// that of the first Pod when there are no replicas.
func lastOrdinal(spec *v1beta1.StatefulSetSpec) int64 {
	last := max(int64(ptr.Deref(spec.Replicas, 1))-1, 0)
	if spec.Ordinals != nil {
		last += int64(spec.Ordinals.Start)
	}
	for i := range spec.ReserveOrdinals {
		if from, to, ok := boundsOf(&spec.ReserveOrdinals[i]); ok && from <= to {
			last += to - from + 1
		}
	}
	return last
}
