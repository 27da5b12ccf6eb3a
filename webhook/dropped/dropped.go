// SPDX-License-Identifier: Apache-2.0

// Package dropped tells which fields a write has taken out of an object that OpenKruise's Go types do not have. A
// program built with those reads an object without them, and takes them away when it writes the object back as a whole;
// the defaults hold then. Nobody wanted that, and nothing else says it. The package is pure.
package dropped

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/shorten"
)

// longestValue is how many bytes of a value are repeated.
const longestValue = 80

// Field is one that the Go types of OpenKruise do not have, in one of their versions at least.
type Field struct {
	// Path of the field below spec, joined by dots. What is below it goes with it.
	Path string
	// Known is the one version whose types have the field, "" for none.
	Known string
	// Late means that the types of OpenKruise 1.9 have the field, and those of 1.8 do not: that it stays says nothing of
	// the others.
	Late bool
	// Default is its value where the object has none, nil for none. Values that are empty say as little. Filled means that
	// the API server writes it into the object.
	Default any
	Filled  bool
	// Instead is the path of a field that may take its place, "" for none.
	Instead string
	// Now says what holds without it.
	Now string
}

// FromSidecarSet tells what a write of a SidecarSet took out of it. The write is in this version, as JSON with every
// quantity in bounds; old is nil for a new set.
func FromSidecarSet(version string, write []byte, old *v1beta1.SidecarSet) []string {
	if old == nil {
		return nil
	}
	return warnings(version, sidecarSetFields, write, &old.Spec)
}

// FromStatefulSet tells what a write of a StatefulSet took out of it.
func FromStatefulSet(version string, write []byte, old *v1beta1.StatefulSet) []string {
	if old == nil {
		return nil
	}
	return warnings(version, statefulSetFields, write, &old.Spec)
}

// warnings names what is gone if it is everything that a client of this version does not know. Whoever takes a field out
// by hand leaves the others; where there is but one, or where the API server fills in a default, the two cannot be told
// apart.
func warnings(version string, fields []Field, write []byte, old any) []string {
	before, err := runtime.DefaultUnstructuredConverter.ToUnstructured(old)
	if err != nil {
		return nil
	}
	var now struct {
		Spec map[string]any `json:"spec"`
	}
	if json.Unmarshal(write, &now) != nil {
		return nil
	}
	var gone [2][]string // the second of late fields
	var kept [2]bool
	for _, f := range fields {
		was, found := at(before, f.Path)
		if f.Known == version || !found || f.saysNothing(was) {
			continue
		}
		late := 0
		if f.Late {
			late = 1
		}
		switch is, found := at(now.Spec, f.Path); {
		case found && !(f.Filled && equality.Semantic.DeepEqual(is, f.Default)):
			kept[late] = true
		case !f.explained(now.Spec):
			gone[late] = append(gone[late], fmt.Sprintf("%s (was %s; now %s)", f.Path, text(was), f.Now))
		}
	}
	if kept[0] {
		return nil
	}
	if kept[1] {
		gone[1] = nil
	}
	return warning(slices.Concat(gone[0], gone[1]))
}

func warning(gone []string) []string {
	if len(gone) == 0 {
		return nil
	}
	they, them := "that field", "it"
	if len(gone) > 1 {
		they, them = "those fields", "them"
	}
	return []string{fmt.Sprintf("spec: this write takes out %s. A client that does not know %s, such as OpenKruise's typed one, drops %s "+
		"when it updates the whole object: if nobody meant it, apply the manifest again, and have that client patch instead",
		strings.Join(gone, ", "), they, them)}
}

// saysNothing reports whether a value is what would hold without it.
func (f Field) saysNothing(value any) bool {
	return isEmpty(value) || equality.Semantic.DeepEqual(value, f.Default)
}

// explained reports whether something else than its client says why the field is gone: another has its place, or what it
// was a part of, and the client knows, is gone with it.
func (f Field) explained(spec map[string]any) bool {
	if f.Instead != "" {
		if _, replaced := at(spec, f.Instead); replaced {
			return true
		}
	}
	dot := strings.LastIndex(f.Path, ".")
	if dot < 0 {
		return false
	}
	_, whole := at(spec, f.Path[:dot])
	return !whole
}

// at is the value at a path.
func at(fields map[string]any, path string) (value any, found bool) {
	value, found, err := unstructured.NestedFieldNoCopy(fields, strings.Split(path, ".")...)
	return value, found && err == nil
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case int64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, each := range v {
			if !isEmpty(each) {
				return false
			}
		}
		return true
	}
	return false
}

func text(value any) string {
	if s, ok := value.(string); ok {
		return shorten.To(s, longestValue)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return "set"
	}
	return shorten.To(string(raw), longestValue)
}
