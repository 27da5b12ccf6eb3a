// SPDX-License-Identifier: Apache-2.0

package quantity

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Cap puts the greatest quantity of Kubernetes in the place of every one of a decoded object that is out of bounds. The
// object is a pointer.
func Cap(object any) {
	v := visitor{each: func(_ *field.Path, q *resource.Quantity) bool {
		if InBounds(q) {
			return false
		}
		*q = most.DeepCopy()
		return true
	}}
	v.visit(reflect.ValueOf(object), PlacesIn(object), nil)
}

// Find names the quantities of a decoded object that are out of bounds, and changes nothing. The object is a pointer;
// path is its own, nil for a whole one.
func Find(object any, path *field.Path) field.ErrorList {
	var faults field.ErrorList
	v := visitor{named: true, each: func(path *field.Path, q *resource.Quantity) bool {
		if !InBounds(q) {
			faults = append(faults, fault(path, q.String(), errors.New(allowed)))
		}
		return false
	}}
	v.visit(reflect.ValueOf(object), PlacesIn(object), path)
	sortFaults(faults)
	return faults
}

func sortFaults(faults field.ErrorList) {
	slices.SortFunc(faults, func(a, b *field.Error) int { return strings.Compare(a.Field, b.Field) })
}

// Brought returns the faults that a change brings: those that were not there before, word for word. What was stored
// before there were bounds may stay.
func Brought(now, before field.ErrorList) field.ErrorList {
	var out field.ErrorList
	for _, err := range now {
		if !slices.ContainsFunc(before, func(old *field.Error) bool { return old.Error() == err.Error() }) {
			out = append(out, err)
		}
	}
	return out
}

// visitor goes through an object along the places of its type.
type visitor struct {
	// each is called for every quantity; it answers whether it has changed it.
	each func(*field.Path, *resource.Quantity) bool
	// named says that each is told the path, which costs more than all the rest.
	named bool
}

func (v *visitor) visit(value reflect.Value, place *Place, path *field.Path) {
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return
		}
		value = value.Elem()
	}
	switch {
	case place == nil:
	case place.Leaf:
		v.each(path, value.Addr().Interface().(*resource.Quantity))
	case place.List:
		for i := range value.Len() {
			v.visit(value.Index(i), place.Each, v.below(func() *field.Path { return path.Index(i) }))
		}
	case place.Each != nil:
		v.visitMap(value, place.Each, path)
	default:
		for name, below := range place.Fields {
			v.visitField(value, place.index[name], below, v.below(func() *field.Path { return child(path, name) }))
		}
	}
}

// below makes the path of something below, where it is told.
func (v *visitor) below(path func() *field.Path) *field.Path {
	if !v.named {
		return nil
	}
	return path()
}

func (v *visitor) visitField(value reflect.Value, index []int, place *Place, path *field.Path) {
	for _, i := range index {
		for value.Kind() == reflect.Pointer { // an embedded pointer
			if value.IsNil() {
				return
			}
			value = value.Elem()
		}
		value = value.Field(i)
	}
	if !value.IsZero() {
		v.visit(value, place, path)
	}
}

// visitMap visits the values of a map, which cannot be changed in their place.
func (v *visitor) visitMap(value reflect.Value, place *Place, path *field.Path) {
	for _, key := range value.MapKeys() {
		item := reflect.New(value.Type().Elem()).Elem()
		item.Set(value.MapIndex(key))
		changed := false
		inner := visitor{named: v.named, each: func(path *field.Path, q *resource.Quantity) bool {
			changed = v.each(path, q) || changed
			return changed
		}}
		inner.visit(item, place, v.below(func() *field.Path { return path.Key(key.String()) }))
		if changed {
			value.SetMapIndex(key, item)
		}
	}
}
