// SPDX-License-Identifier: Apache-2.0

package quantity

// suspicious reports whether JSON may hold a quantity out of bounds: a number with an exponent of two digits or more
// that makes up a whole value, a very long one, or characters that are written as escapes. It looks at every byte about
// once.
func suspicious(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\\':
			if escapesNumber(raw[i+1:]) {
				return true
			}
		case !isNumeric(c) || i > 0 && !begins(raw[i-1]):
		default:
			end := i + length(raw[i:], isNumeric)
			if end-i > MaxLength || exponentOf(raw[end:]) {
				return true
			}
			i = end - 1
		}
	}
	return false
}

// begins reports whether a number may begin after a character.
func begins(c byte) bool { return !isNumeric(c) && !isLetter(c) }

// exponentOf reports whether an exponent of two digits or more follows, and then the end of a value.
func exponentOf(rest []byte) bool {
	if len(rest) == 0 || rest[0] != 'e' && rest[0] != 'E' {
		return false
	}
	rest = rest[1:]
	if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	digits := length(rest, isDigit)
	return digits >= 2 && (digits == len(rest) || !isLetter(rest[digits]))
}

// escapesNumber reports whether an escape stands for a character that numbers are made of. Those that Go's own encoder
// writes do not.
func escapesNumber(after []byte) bool {
	if len(after) < 5 || after[0] != 'u' {
		return false
	}
	high, low := after[3], after[4]|0x20 // in small letters
	switch {
	case after[1] != '0' || after[2] != '0':
		return false
	case high == '3':
		return isDigit(after[4])
	case high == '2':
		return low == 'b' || low == 'd' || low == 'e' // + - .
	case high == '4' || high == '6':
		return after[4] == '5' // E e
	}
	return false
}

func length(text []byte, is func(byte) bool) (n int) {
	for n < len(text) && is(text[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool   { return c >= '0' && c <= '9' }
func isNumeric(c byte) bool { return isDigit(c) || c == '.' }
func isLetter(c byte) bool  { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
