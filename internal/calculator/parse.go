// SPDX-License-Identifier: Apache-2.0

package calculator

import (
	"math/big"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Parse reads an expression. Errors quote it, and say at which character it is wrong and what is allowed there. What
// depends on the resource to compute is for Expression.Check.
func Parse(text string) (Expression, error) {
	tokens, err := lex(text)
	if err != nil {
		return Expression{}, err
	}
	p := &parser{text: text, tokens: tokens}
	root, err := p.expression()
	if err != nil {
		return Expression{}, err
	}
	if rest := p.peek(); rest.text != end {
		return Expression{}, p.unexpected("an operator (+ - * /) or the end")
	}
	return Expression{text: text, root: root, uses: p.uses}, nil
}

// parser reads tokens from the left, one function for each rule of the grammar.
type parser struct {
	text   string
	tokens []token
	uses   []corev1.ResourceName
}

func (p *parser) peek() token { return p.tokens[0] }

// accept takes the next token if it is one of these.
func (p *parser) accept(texts ...string) (token, bool) {
	next := p.peek()
	if next.text == end || next.literal != nil || !slices.Contains(texts, next.text) {
		return token{}, false
	}
	p.tokens = p.tokens[1:]
	return next, true
}

func (p *parser) unexpected(allowed string) error {
	next := p.peek()
	if next.text == end {
		return fault(p.text, next.at, "it ends here, where %s is missing", allowed)
	}
	return fault(p.text, next.at, "%q stands where only %s is allowed", next.text, allowed)
}

func (p *parser) expression() (node, error) {
	left, err := p.term()
	for err == nil {
		sign, ok := p.accept("+", "-")
		if !ok {
			return left, nil
		}
		var right node
		if right, err = p.term(); err != nil {
			break
		}
		left, right = alike(left, right)
		apply := add
		if sign.text == "-" {
			apply = subtract
		}
		left = combine(apply, left, right)
	}
	return nil, err
}

func (p *parser) term() (node, error) {
	left, err := p.factor()
	for err == nil {
		sign, ok := p.accept("*", "/")
		if !ok {
			return left, nil
		}
		var right node
		if right, err = p.factor(); err != nil {
			break
		}
		if err = p.checkFactors(sign, left, right); err != nil {
			break
		}
		apply := multiply
		if sign.text == "/" {
			apply = divide
		}
		left = combine(apply, left, right)
	}
	return nil, err
}

// checkFactors refuses products and quotients that are no amount of anything.
func (p *parser) checkFactors(sign token, left, right node) error {
	if sign.text == "*" {
		if left.quantity() && right.quantity() {
			return fault(p.text, sign.at, "a quantity cannot be multiplied by a quantity; one side must be a plain number or a percentage")
		}
		return nil
	}
	if right.quantity() {
		return fault(p.text, sign.at, "nothing can be divided by a quantity; divide by a plain number or a percentage")
	}
	if divisor, ok := right.(constant); ok && divisor.value.Sign() == 0 {
		return fault(p.text, sign.at, "division by zero")
	}
	return nil
}

const anOperand = `a number, a quantity, cpu, memory, max, min, "-" or "("`

func (p *parser) factor() (node, error) {
	if _, ok := p.accept("-"); ok {
		operand, err := p.factor()
		if err != nil {
			return nil, err
		}
		zero := constant{value: new(big.Rat), isQuantity: operand.quantity()}
		return combine(subtract, zero, operand), nil
	}
	if _, ok := p.accept("("); ok {
		inner, err := p.expression()
		if err != nil {
			return nil, err
		}
		return inner, p.need(")")
	}
	next := p.peek()
	switch {
	case next.literal != nil:
		p.tokens = p.tokens[1:]
		return *next.literal, nil
	case next.name:
		p.tokens = p.tokens[1:]
		return p.named(next)
	}
	return nil, p.unexpected(anOperand)
}

func (p *parser) need(sign string) error {
	if _, ok := p.accept(sign); !ok {
		return p.unexpected(`"` + sign + `"`)
	}
	return nil
}

// named reads a variable, or a function with its arguments.
func (p *parser) named(name token) (node, error) {
	switch strings.ToLower(name.text) {
	case string(corev1.ResourceCPU):
		p.use(corev1.ResourceCPU)
		return variable{}, nil
	case string(corev1.ResourceMemory):
		p.use(corev1.ResourceMemory)
		return variable{}, nil
	case "max":
		return p.function(larger)
	case "min":
		return p.function(smaller)
	}
	return nil, fault(p.text, name.at, "%q is unknown; known are cpu, memory, max and min", name.text)
}

func (p *parser) use(name corev1.ResourceName) {
	if !slices.Contains(p.uses, name) {
		p.uses = append(p.uses, name)
	}
}

// function reads the two arguments of max or min.
func (p *parser) function(apply func(a, b *big.Rat) *big.Rat) (node, error) {
	if err := p.need("("); err != nil {
		return nil, err
	}
	left, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.need(","); err != nil {
		return nil, err
	}
	right, err := p.expression()
	if err != nil {
		return nil, err
	}
	left, right = alike(left, right)
	return combine(apply, left, right), p.need(")")
}
