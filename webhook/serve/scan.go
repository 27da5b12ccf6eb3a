package serve

import "fmt"

const (
	// objectMemory is about what one JSON object takes once it is decoded: a
	// container takes 1 KiB, twice while its list grows.
	objectMemory = 2 * kib
	// valueMemory is the same for any other value.
	valueMemory = 128
	// textMemory is how often the text itself is held: the body, the object in the
	// review, its strings, and the answer.
	textMemory = 4
)

// shape is what there is to decode in a JSON text.
type shape struct {
	// objects counts objects and lists, values all that stands between commas.
	objects, values, depth int
}

// scan counts what a text would become, before anything decodes it. It need not
// be JSON: what is not is refused by whoever decodes it.
func scan(text []byte) shape {
	var found shape
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			found.objects++
			depth++
			found.depth = max(found.depth, depth)
		case c == '}' || c == ']':
			depth--
		case c == ',':
			found.values++
		}
	}
	return found
}

// check refuses what is more than any real object.
func (s shape) check(limits Limits) error {
	switch {
	case s.depth > limits.Depth:
		return fmt.Errorf("the review nests %d deep, %d is the most", s.depth, limits.Depth)
	case s.objects > limits.Objects:
		return fmt.Errorf("the review has %d JSON objects and lists, %d are the most", s.objects, limits.Objects)
	case s.values > limits.Values:
		return fmt.Errorf("the review has %d JSON values, %d are the most", s.values, limits.Values)
	}
	return nil
}

// memory is about how many bytes a review takes at most while it is answered.
func (s shape) memory(size int64) int64 {
	return textMemory*size + int64(s.objects)*objectMemory + int64(s.values)*valueMemory
}
