// SPDX-License-Identifier: Apache-2.0

package quantity

import (
	"reflect"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Place says where in the JSON of a type there are quantities. A nil one has none, neither itself nor below.
type Place struct {
	// Leaf reports that it is a quantity itself.
	Leaf bool
	// Fields are those of an object with something below them, by their JSON names.
	Fields map[string]*Place
	// Each is what every item of a list, or every value of a map, has.
	Each *Place
	// List distinguishes a list from a map.
	List bool
	// index is where the field of a name is in the Go type.
	index map[string][]int
	// folded are the fields by their names in small letters.
	folded map[string]*Place
}

// PlacesIn finds the quantities of a type, which is asked for by any value of it.
func PlacesIn(example any) *Place { return placesOf(reflect.TypeOf(example)) }

var (
	quantityType = reflect.TypeFor[resource.Quantity]()
	// known are the places of types that were asked for before.
	known sync.Map
)

func placesOf(t reflect.Type) *Place {
	if found, ok := known.Load(t); ok {
		return found.(*Place)
	}
	found := find(t, map[reflect.Type]bool{})
	known.Store(t, found)
	return found
}

// find looks below a type. A type that holds itself, as a JSON schema does, is not entered twice: no such type of ours
// has quantities.
func find(t reflect.Type, within map[reflect.Type]bool) *Place {
	if t == quantityType {
		return &Place{Leaf: true}
	}
	if within[t] {
		return nil
	}
	within[t] = true
	defer delete(within, t)
	switch t.Kind() {
	case reflect.Pointer:
		return find(t.Elem(), within)
	case reflect.Slice, reflect.Array, reflect.Map:
		if each := find(t.Elem(), within); each != nil {
			return &Place{Each: each, List: t.Kind() != reflect.Map}
		}
	case reflect.Struct:
		return findFields(t, within)
	}
	return nil
}

func findFields(t reflect.Type, within map[reflect.Type]bool) *Place {
	out := &Place{Fields: map[string]*Place{}, index: map[string][]int{}, folded: map[string]*Place{}}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		below := find(f.Type, within)
		switch {
		case below == nil || name == "-" || !f.IsExported():
		case f.Anonymous && name == "":
			out.inline(below, i)
		default:
			out.add(name, below, []int{i})
		}
	}
	if len(out.Fields) == 0 {
		return nil
	}
	return out
}

func (p *Place) add(name string, below *Place, index []int) {
	p.Fields[name], p.index[name], p.folded[strings.ToLower(name)] = below, index, below
}

// inline takes over the fields of an embedded type.
func (p *Place) inline(below *Place, at int) {
	for name, field := range below.Fields {
		p.add(name, field, append([]int{at}, below.index[name]...))
	}
}
