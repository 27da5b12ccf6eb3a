// SPDX-License-Identifier: Apache-2.0

package quantity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Bound returns the JSON of an object, to be decoded into the type of example with whatever decoder, in which every
// quantity is in bounds. Those that were not are named, by their paths, and the greatest one of Kubernetes stands in
// their place. Of values with the same name only the last one stays. JSON in which no quantity can be out of bounds is
// returned as it is, after one look over it.
func Bound(raw []byte, example any) ([]byte, field.ErrorList, error) {
	if !suspicious(raw) {
		return raw, nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // a huge number is not computed
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, nil, fmt.Errorf("read JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("read JSON: something follows its end")
	}
	w := &walk{}
	tree = w.value(tree, PlacesIn(example), nil)
	sortFaults(w.faults)
	// It is written again even where nothing is out of bounds: of a name that stands twice the tree has the last value,
	// and a decoder would compute both.
	bounded, err := json.Marshal(tree)
	return bounded, w.faults, err
}

// walk goes through decoded JSON along the places of a type.
type walk struct{ faults field.ErrorList }

func (w *walk) value(value any, place *Place, path *field.Path) any {
	if place == nil {
		return value
	}
	switch v := value.(type) {
	case map[string]any:
		w.object(v, place, path)
	case []any:
		if place.List {
			for i := range v {
				v[i] = w.value(v[i], place.Each, path.Index(i))
			}
		}
	case string:
		return w.leaf(v, v, place, path)
	case json.Number:
		return w.leaf(v.String(), v, place, path)
	}
	return value
}

// object goes through the values of a map, or the fields of an object. Some decoders take a field by its name in any
// case of its letters.
func (w *walk) object(object map[string]any, place *Place, path *field.Path) {
	for name, value := range object {
		switch {
		case place.Each != nil && !place.List:
			object[name] = w.value(value, place.Each, path.Key(name))
		case place.folded != nil:
			object[name] = w.value(value, place.folded[strings.ToLower(name)], child(path, name))
		}
	}
}

func child(path *field.Path, name string) *field.Path {
	if path == nil {
		return field.NewPath(name)
	}
	return path.Child(name)
}

func (w *walk) leaf(text string, value any, place *Place, path *field.Path) any {
	if !place.Leaf {
		return value
	}
	if err := Check(text); err != nil {
		w.faults = append(w.faults, fault(path, text, err))
		return mostText
	}
	return value
}
