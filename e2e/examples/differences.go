// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// absent stands for a field that one of two objects lacks.
const absent = "(absent)"

// Name names an object for people: its kind and name.
func Name(object *unstructured.Unstructured) string {
	return object.GetKind() + " " + object.GetName()
}

// Differences names every field in which two objects differ, as "spec.replicas: 2 -> 3". Lists are compared item by
// item.
func Differences(before, after map[string]any) []string {
	old, now := map[string]string{}, map[string]string{}
	flatten(old, "", before)
	flatten(now, "", after)
	paths := maps.Clone(old)
	maps.Copy(paths, now)
	var found []string
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if was, is := orAbsent(old, path), orAbsent(now, path); was != is {
			found = append(found, fmt.Sprintf("%s: %s -> %s", path, was, is))
		}
	}
	return found
}

// DifferencesOfAll does the same for two lists of objects, naming the object before the field. An object that is in one
// list alone is a difference of its own.
func DifferencesOfAll(before, after []*unstructured.Unstructured) []string {
	old, now := byName(before), byName(after)
	names := maps.Clone(old)
	maps.Copy(names, now)
	var found []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		switch {
		case old[name] == nil:
			found = append(found, name+" is new")
		case now[name] == nil:
			found = append(found, name+" is gone")
		default:
			for _, difference := range Differences(old[name].Object, now[name].Object) {
				found = append(found, name+": "+difference)
			}
		}
	}
	return found
}

func byName(objects []*unstructured.Unstructured) map[string]*unstructured.Unstructured {
	named := map[string]*unstructured.Unstructured{}
	for _, object := range objects {
		named[Name(object)] = object
	}
	return named
}

func orAbsent(values map[string]string, path string) string {
	if value, ok := values[path]; ok {
		return value
	}
	return absent
}

// flatten writes every value that holds no others, as JSON, under its path. An empty map or list is such a value.
func flatten(into map[string]string, path string, value any) {
	switch typed := value.(type) {
	case map[string]any:
		for key, inner := range typed {
			flatten(into, joined(path, key), inner)
		}
		if len(typed) > 0 {
			return
		}
	case []any:
		for i, inner := range typed {
			flatten(into, fmt.Sprintf("%s[%d]", path, i), inner)
		}
		if len(typed) > 0 {
			return
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", path, err)) // only values that were JSON come here
	}
	into[path] = string(text)
}

func joined(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
