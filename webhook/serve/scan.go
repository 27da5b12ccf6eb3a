package serve

import "fmt"

const (
	// objectMemory is about what one JSON object takes once it is decoded: a
	// container takes 1 KiB, twice while its list grows.
	objectMemory = 2 * kib
	// managedMemory is the same for what managedFields hold, which is kept as text:
	// only where quantities out of bounds are looked for it becomes a map.
	managedMemory = objectMemory / managedWeight
	// managedWeight is how many of those count as one object. A large object has more
	// of them than of all others.
	managedWeight = 4
	// managedFields is the field that holds them. Whatever else has this name is
	// passed over by those who decode objects.
	managedFields = "fieldsV1"
	// valueMemory is the same for any other value.
	valueMemory = 128
	// textMemory is how often the text itself is held: the body, the object in the
	// review, its strings, and the answer.
	textMemory = 4
)

// shape is what there is to decode in a JSON text.
type shape struct {
	// objects counts objects and lists, managed those in managedFields, and values
	// all that stands between commas.
	objects, managed, values, depth int
}

// scan counts what a text would become, before anything decodes it. It need not
// be JSON: what is not is refused by whoever decodes it.
func scan(text []byte) shape {
	var found shape
	depth, within, inString := 0, 0, false // within is how deep managed fields begin; 0 outside of any
	begin, end := 0, 0                     // the name of the next value, if it has one
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"' && inString:
			end, inString = i, false
		case c == '"':
			begin, end, inString = i+1, i+1, true
		case inString:
		case c == '{' || c == '[':
			depth++
			if within == 0 && string(text[begin:end]) == managedFields {
				within = depth
			}
			found.open(depth, within > 0)
			begin, end = 0, 0
		case c == '}' || c == ']':
			if depth == within {
				within = 0
			}
			depth--
		case c == ',':
			found.values++
			begin, end = 0, 0
		}
	}
	return found
}

// open counts an object or a list.
func (s *shape) open(depth int, managed bool) {
	s.depth = max(s.depth, depth)
	if managed {
		s.managed++
	} else {
		s.objects++
	}
}

// check refuses what is more than any real object.
func (s shape) check(limits Limits) error {
	switch {
	case s.depth > limits.Depth:
		return fmt.Errorf("the review nests %d deep, %d is the most", s.depth, limits.Depth)
	case s.objects+s.managed/managedWeight > limits.Objects:
		return fmt.Errorf("the review has %d JSON objects and lists, and %d in managedFields, which count a quarter; %d are the most",
			s.objects, s.managed, limits.Objects)
	case s.values > limits.Values:
		return fmt.Errorf("the review has %d JSON values, %d are the most", s.values, limits.Values)
	}
	return nil
}

// memory is about how many bytes a review takes at most while it is answered.
func (s shape) memory(size int64) int64 {
	return textMemory*size + int64(s.objects)*objectMemory + int64(s.managed)*managedMemory + int64(s.values)*valueMemory
}
