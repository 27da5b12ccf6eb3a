// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"reflect"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Renewed is the same set with a later state of its object, of which only what gets into no Pod has changed, such as the
// status. Whoever keeps sets keeps that one, so that the former object goes.
func (s *Set) Renewed(object *v1beta1.SidecarSet) *Set {
	out := *s
	out.Object, out.Spec = object, defaulted(object)
	return &out
}

// defaulted is the spec of an object with all defaults. What these have left as it is, which is most of it, is the object's
// own: a cluster may have 50,000 sets, and every replica keeps all of them.
func defaulted(object *v1beta1.SidecarSet) *v1beta1.SidecarSetSpec {
	out := Default(&object.Spec)
	share(reflect.ValueOf(out).Elem(), reflect.ValueOf(&object.Spec).Elem())
	return out
}

// share has a value refer to the parts of another one that are the same to the bit.
func share(mine, theirs reflect.Value) {
	switch mine.Kind() {
	case reflect.Struct:
		for i := range mine.NumField() {
			if mine.Field(i).CanSet() {
				share(mine.Field(i), theirs.Field(i))
			}
		}
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if mine.IsNil() || theirs.IsNil() {
			return
		}
		if reflect.DeepEqual(mine.Interface(), theirs.Interface()) {
			mine.Set(theirs)
			return
		}
		shareParts(mine, theirs)
	}
}

// shareParts shares what it can of two lists, or of what two pointers refer to, that are not the same as a whole.
func shareParts(mine, theirs reflect.Value) {
	switch {
	case mine.Kind() == reflect.Pointer:
		share(mine.Elem(), theirs.Elem())
	case mine.Kind() == reflect.Slice && mine.Len() == theirs.Len():
		for i := range mine.Len() {
			share(mine.Index(i), theirs.Index(i))
		}
	}
}
