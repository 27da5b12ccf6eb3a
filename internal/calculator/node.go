// SPDX-License-Identifier: Apache-2.0

package calculator

import "math/big"

// node is a part of an expression. It must not modify the value it is given, nor return it for the caller to modify.
type node interface {
	// quantity reports whether the value is a quantity, not a plain number.
	quantity() bool
	// eval computes the value, where v is that of cpu or memory.
	eval(v *big.Rat) *big.Rat
}

// constant is a value that does not depend on the Pod. Every plain number is one, because everything that cpu or memory
// is part of is a quantity.
type constant struct {
	value      *big.Rat
	isQuantity bool
}

func (c constant) quantity() bool         { return c.isQuantity }
func (c constant) eval(*big.Rat) *big.Rat { return c.value }

// variable is cpu or memory.
type variable struct{}

func (variable) quantity() bool           { return true }
func (variable) eval(v *big.Rat) *big.Rat { return v }

// operation combines two values into a quantity.
type operation struct {
	apply       func(a, b *big.Rat) *big.Rat
	left, right node
}

func (operation) quantity() bool { return true }
func (o operation) eval(v *big.Rat) *big.Rat {
	return o.apply(o.left.eval(v), o.right.eval(v))
}

// combine makes the node of an operation. One of two constants is computed at once.
func combine(apply func(a, b *big.Rat) *big.Rat, left, right node) node {
	a, leftConstant := left.(constant)
	b, rightConstant := right.(constant)
	if leftConstant && rightConstant {
		return constant{apply(a.value, b.value), a.isQuantity || b.isQuantity}
	}
	return operation{apply, left, right}
}

// alike makes a plain number that meets a quantity a quantity.
func alike(left, right node) (node, node) {
	if left.quantity() == right.quantity() {
		return left, right
	}
	return asQuantity(left), asQuantity(right)
}

func asQuantity(n node) node {
	c, ok := n.(constant)
	if !ok || c.isQuantity {
		return n
	}
	return constant{new(big.Rat).SetFrac(truncate(c.value, 1000), big.NewInt(1000)), true}
}

func add(a, b *big.Rat) *big.Rat      { return new(big.Rat).Add(a, b) }
func subtract(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }
func multiply(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }
func divide(a, b *big.Rat) *big.Rat   { return new(big.Rat).Quo(a, b) }

func larger(a, b *big.Rat) *big.Rat {
	if a.Cmp(b) >= 0 {
		return a
	}
	return b
}

func smaller(a, b *big.Rat) *big.Rat {
	if a.Cmp(b) <= 0 {
		return a
	}
	return b
}
