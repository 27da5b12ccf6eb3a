// SPDX-License-Identifier: Apache-2.0

// Package spans finds fields in JSON without decoding what stands around them: of a review of several kilobytes most
// answers need a few hundred bytes.
//
// It knows the JSON that API servers write. Whatever is out of the ordinary it does not find, and leaves to a decoder:
// names with escapes, names that stand twice, and most of what is no JSON. It does not validate values.
package spans

import "bytes"

// Span is where a value stands in a text. The zero value is that of a field that is not there.
type Span struct{ Start, End int }

// In returns the value; nil when it is not there.
func (s Span) In(text []byte) []byte {
	if s.End == 0 {
		return nil
	}
	return text[s.Start:s.End]
}

// Find returns the spans of the fields of an object, in the order of their names, which may not be more than there are
// spans. It reports false when a decoder has to look.
func Find(object []byte, found []Span, names ...string) bool {
	r := reader{text: object}
	if r.next() != '{' {
		return false
	}
	r.at++
	if r.next() == '}' {
		return r.ends()
	}
	for {
		name, span, ok := r.field()
		if !ok {
			return false
		}
		for i, wanted := range names {
			if string(name) != wanted {
				continue
			}
			if found[i].End != 0 {
				return false
			}
			found[i] = span
		}
		switch r.next() {
		case ',':
			r.at++
		case '}':
			return r.ends()
		default:
			return false
		}
	}
}

// reader is how far a text is read.
type reader struct {
	text []byte
	at   int
}

// next passes over space, and returns the byte behind it; 0 at the end.
func (r *reader) next() byte {
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case ' ', '\n', '\t', '\r':
		default:
			return c
		}
	}
	return 0
}

// ends reports whether nothing follows the end of an object.
func (r *reader) ends() bool {
	r.at++
	return r.next() == 0 && r.at == len(r.text)
}

// field reads the name of a field and passes over its value.
func (r *reader) field() (name []byte, value Span, ok bool) {
	if r.next() != '"' {
		return nil, value, false
	}
	r.at++
	length := bytes.IndexByte(r.text[r.at:], '"')
	if length < 0 {
		return nil, value, false
	}
	name = r.text[r.at : r.at+length]
	r.at += length + 1
	if bytes.IndexByte(name, '\\') >= 0 || r.next() != ':' {
		return nil, value, false
	}
	r.at++
	first := r.next()
	value.Start = r.at
	switch first {
	case '"':
		ok = r.passString()
	case '{', '[':
		ok = r.passNested()
	default:
		ok = r.passPlain()
	}
	value.End = r.at
	return name, value, ok
}

// passString passes over a string.
func (r *reader) passString() bool {
	for r.at++; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case '"':
			r.at++
			return true
		case '\\':
			r.at++
		}
	}
	return false
}

// passNested passes over an object or a list.
func (r *reader) passNested() bool {
	for depth := 0; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case '"':
			if !r.passString() {
				return false
			}
			r.at--
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				r.at++
				return true
			}
		}
	}
	return false
}

// passPlain passes over a number or a word.
func (r *reader) passPlain() bool {
	start := r.at
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'E':
		default:
			return r.at > start
		}
	}
	return false
}
