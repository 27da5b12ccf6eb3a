// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"encoding/json"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// changedFields names the fields below path that differ between two values of one type, as deep as a field has a name:
// in objects and maps, and in the lists of containers and volumes, whose elements have one. Other lists are named as a
// whole.
func changedFields(path string, a, b any) []string {
	return fieldsOf(path, reflect.ValueOf(a), reflect.ValueOf(b))
}

func fieldsOf(path string, a, b reflect.Value) []string {
	if equality.Semantic.DeepEqual(a.Interface(), b.Interface()) {
		return nil
	}
	_, scalar := a.Interface().(json.Marshaler) // a quantity or a time, whose fields nobody knows
	switch {
	case a.Kind() == reflect.Interface, a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil():
		return fieldsOf(path, a.Elem(), b.Elem())
	case a.Kind() == reflect.Struct && !scalar:
		return structFields(path, a, b)
	case a.Kind() == reflect.Map:
		return mapFields(path, a, b)
	case a.Kind() == reflect.Slice:
		return listFields(path, a, b)
	}
	return []string{path}
}

func structFields(path string, a, b reflect.Value) []string {
	var out []string
	for i := range a.NumField() {
		at := path
		if name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ","); name != "" {
			at += "." + name
		}
		out = append(out, fieldsOf(at, a.Field(i), b.Field(i))...)
	}
	return out
}

func mapFields(path string, a, b reflect.Value) []string {
	var out []string
	for _, key := range a.MapKeys() {
		at := path + "[" + key.String() + "]"
		if after := b.MapIndex(key); after.IsValid() {
			out = append(out, fieldsOf(at, a.MapIndex(key), after)...)
		} else {
			out = append(out, at)
		}
	}
	for _, key := range b.MapKeys() {
		if !a.MapIndex(key).IsValid() {
			out = append(out, path+"["+key.String()+"]")
		}
	}
	return out
}

// listFields compares lists of named elements by name, and then by order.
func listFields(path string, a, b reflect.Value) []string {
	before, after := named(a), named(b)
	if before == nil && after == nil {
		return []string{path}
	}
	out := mapFields(path, reflect.ValueOf(before), reflect.ValueOf(after))
	if len(out) == 0 {
		return []string{path}
	}
	return out
}

// named is a list of containers or volumes by name; nil for another list.
func named(list reflect.Value) map[string]any {
	var out map[string]any
	switch elements := list.Interface().(type) {
	case []corev1.Container:
		for i := range elements {
			put(&out, elements[i].Name, any(elements[i]))
		}
	case []corev1.Volume:
		for i := range elements {
			put(&out, elements[i].Name, any(elements[i]))
		}
	}
	return out
}
