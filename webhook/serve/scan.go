// SPDX-License-Identifier: Apache-2.0

package serve

import "fmt"

const (
	// objectMemory is about what one JSON object takes once it is decoded: a container takes 1 KiB, twice while its
	// list grows.
	objectMemory = 2 * kib
	// managedMemory is the same for what managedFields hold, which is kept as text: only where quantities out of bounds
	// are looked for it becomes a map.
	managedMemory = objectMemory / managedWeight
	// managedWeight is how many of those count as one object. A large object has more of them than of all others.
	managedWeight = 4
	// managedFields is the field that holds them. Whatever else has this name is passed over by those who decode
	// objects.
	managedFields = "fieldsV1"
	// valueMemory is the same for any other value.
	valueMemory = 128
	// textMemory is how often the text itself is held: the body, the object in the review, its strings, and the answer.
	textMemory = 4
)

// shape is what there is to decode in a JSON text.
type shape struct {
	// objects counts objects and lists, managed those in managedFields, and values all that stands between commas.
	objects, managed, values, depth int
}

// scan counts what a text would become, before anything decodes it. It need not be JSON: what is not is refused by
// whoever decodes it.
func scan(text []byte) shape {
	var s scanner
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case s.inString && c == '\\':
			i++
		case c == '"':
			s.quote(i)
		case s.inString:
		case c == '{' || c == '[':
			s.open(text)
		case c == '}' || c == ']':
			s.close()
		case c == ',':
			s.found.values++
			s.begin, s.end = 0, 0
		}
	}
	return s.found
}

// scanner is how far scan has come in a text.
type scanner struct {
	found shape
	// depth is how deep it is, within how deep managed fields began; 0 outside of any.
	depth, within int
	// begin and end are where the name of the next value stands, if it has one.
	begin, end int
	inString   bool
}

// quote begins or ends a string.
func (s *scanner) quote(at int) {
	if s.inString {
		s.end, s.inString = at, false
		return
	}
	s.begin, s.end, s.inString = at+1, at+1, true
}

// open counts an object or a list.
func (s *scanner) open(text []byte) {
	s.depth++
	s.found.depth = max(s.found.depth, s.depth)
	if s.within == 0 && string(text[s.begin:s.end]) == managedFields {
		s.within = s.depth
	}
	if s.within > 0 {
		s.found.managed++
	} else {
		s.found.objects++
	}
	s.begin, s.end = 0, 0
}

func (s *scanner) close() {
	if s.depth == s.within {
		s.within = 0
	}
	s.depth--
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
