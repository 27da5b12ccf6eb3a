// SPDX-License-Identifier: Apache-2.0

package calculator

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits that keep every expression cheap. Nobody has come near them.
const (
	maxLength   = 1024
	maxExponent = 30
)

// suffixes are the units of quantities.
var suffixes = map[string]*big.Rat{
	"m": big.NewRat(1, 1000),
	"k": decimalUnit(1), "M": decimalUnit(2), "G": decimalUnit(3), "T": decimalUnit(4), "P": decimalUnit(5),
	"Ki": binaryUnit(1), "Mi": binaryUnit(2), "Gi": binaryUnit(3), "Ti": binaryUnit(4), "Pi": binaryUnit(5),
}

func decimalUnit(thousands int64) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(1000), big.NewInt(thousands), nil))
}

func binaryUnit(kibi int64) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(1024), big.NewInt(kibi), nil))
}

// token is one word of an expression: a literal, a name, or a sign.
type token struct {
	text string
	// at is where it starts: characters counted from 1.
	at      int
	literal *constant
	name    bool
}

// end is the token after the last one.
const end = ""

// lex splits an expression into words. The last is always end.
func lex(text string) ([]token, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("expression has %d characters; at most %d are allowed", len(text), maxLength)
	}
	var out []token
	for at := 0; at < len(text); {
		c := text[at]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			at++
			continue
		case strings.IndexByte("+-*/(),", c) >= 0:
			out = append(out, token{text: text[at : at+1], at: at + 1})
		case isLetter(c):
			out = append(out, token{text: text[at : at+letters(text[at:])], at: at + 1, name: true})
		case isDigit(c) || c == '.':
			literal, err := lexLiteral(text, at)
			if err != nil {
				return nil, err
			}
			out = append(out, literal)
		default:
			unknown, _ := utf8.DecodeRuneInString(text[at:])
			return nil, fault(text, at+1, "%q means nothing; known are numbers, quantities, cpu, memory, max, min and + - * / ( ) ,", unknown)
		}
		at += len(out[len(out)-1].text)
	}
	return append(out, token{text: end, at: len(text) + 1}), nil
}

// lexLiteral reads the number, percentage or quantity that starts at an offset.
func lexLiteral(text string, at int) (token, error) {
	length, exponent := scanNumber(text[at:])
	number := text[at : at+length]
	if strings.Trim(number, ".") == "" || strings.Count(number, ".") > 1 {
		return token{}, fault(text, at+1, "%q is no number", number)
	}
	if exponent > maxExponent || exponent < -maxExponent {
		return token{}, fault(text, at+1, "the exponent of %s is out of range; allowed is -%d to %d", number, maxExponent, maxExponent)
	}
	value, ok := new(big.Rat).SetString(number)
	if !ok {
		return token{}, fault(text, at+1, "%q is no number", number)
	}
	rest := text[at+length:]
	if strings.HasPrefix(rest, "%") {
		return token{text: number + "%", at: at + 1, literal: &constant{value: value.Quo(value, big.NewRat(100, 1))}}, nil
	}
	suffix := rest[:letters(rest)]
	if suffix == "" {
		return token{text: number, at: at + 1, literal: &constant{value: value}}, nil
	}
	unit, known := suffixes[suffix]
	if !known {
		return token{}, fault(text, at+1, "%s%s has an unknown suffix; allowed are m, k, M, G, T, P, Ki, Mi, Gi, Ti and Pi", number, suffix)
	}
	if strings.ContainsAny(number, "eE") {
		return token{}, fault(text, at+1, "%s%s has both an exponent and a suffix; leave out one", number, suffix)
	}
	return token{text: number + suffix, at: at + 1, literal: &constant{value.Mul(value, unit), true}}, nil
}

// scanNumber measures the number at the start of a text. The exponent is 0 when there is none; one too long for an int
// counts as out of range.
func scanNumber(text string) (length, exponent int) {
	for length < len(text) && (isDigit(text[length]) || text[length] == '.') {
		length++
	}
	if length == len(text) || (text[length] != 'e' && text[length] != 'E') {
		return length, 0
	}
	digits := length + 1
	if digits < len(text) && (text[digits] == '+' || text[digits] == '-') {
		digits++
	}
	stop := digits
	for stop < len(text) && isDigit(text[stop]) {
		stop++
	}
	if stop == digits {
		return length, 0 // no exponent: the letter is a suffix, and not a known one
	}
	exponent, err := strconv.Atoi(text[length+1 : stop])
	if err != nil {
		exponent = maxExponent + 1
	}
	return stop, exponent
}

// letters counts the letters that a text starts with.
func letters(text string) (n int) {
	for n < len(text) && isLetter(text[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// fault is an error at a place of an expression.
func fault(text string, at int, format string, args ...any) error {
	return fmt.Errorf("expression %q, character %d: %s", text, at, fmt.Sprintf(format, args...))
}
