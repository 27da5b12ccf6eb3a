// SPDX-License-Identifier: Apache-2.0

// Package calculator is the expression language of a SidecarSet's resourcesPolicy: it computes a sidecar's CPU or
// memory from what the Pod's own containers have.
//
//	expression = term { ("+" | "-") term }
//	term       = factor { ("*" | "/") factor }
//	factor     = "-" factor | "(" expression ")" | literal | "cpu" | "memory"
//	           | ("max" | "min") "(" expression "," expression ")"
//	literal    = number | number unit | number "%"
//
//	unit = "m" | "k" | "M" | "G" | "T" | "P" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi"
//
// A number may have a fraction and an exponent (1.5, .5, 2e3); a quantity has no exponent. cpu, memory, max and min are
// known in any case of their letters.
//
// A value is a plain number or a quantity; cpu, memory and literals with a suffix are quantities. What is what is known
// from the text alone, so Parse finds every misuse of them: a quantity times a quantity, anything divided by a
// quantity, a division by zero.
//
// Arithmetic is exact. A plain number that is added to, subtracted from or compared with a quantity is first cut to
// thousandths, as on the wire. The result is cut to millicores for cpu and to whole bytes for memory; a result that is
// a plain number means cores, or bytes.
package calculator

import (
	"fmt"
	"math/big"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/windlass-operator/windlass/internal/quantity"
)

// Expression is a parsed expression. It is immutable and may be shared. The zero value is not usable: see Parse.
type Expression struct {
	text string
	root node
	// uses are the resources that the expression names, in their order.
	uses []corev1.ResourceName
}

// String is the text that was parsed.
func (e Expression) String() string { return e.text }

// Check reports whether the expression can ever compute the given resource, cpu or memory. It fails when the expression
// names the other resource, or when it is constant and its value is negative or too large. Whether an expression such
// as cpu-2 is negative depends on the Pod, and is no reason to fail.
func (e Expression) Check(name corev1.ResourceName) error {
	if name != corev1.ResourceCPU && name != corev1.ResourceMemory {
		return fmt.Errorf("%s cannot be computed; only cpu and memory can", name)
	}
	for _, used := range e.uses {
		if used != name {
			return fmt.Errorf("expression %q names %s, but computes %s; only %s is known in it", e.text, used, name, name)
		}
	}
	if len(e.uses) > 0 {
		return nil
	}
	_, err := e.Eval(name, resource.Quantity{})
	return err
}

// Eval computes the given resource, cpu or memory, where value is what the Pod's own containers have of it. It fails as
// Check does, and when the result is negative or too large to be a quantity.
func (e Expression) Eval(name corev1.ResourceName, value resource.Quantity) (resource.Quantity, error) {
	if len(e.uses) > 0 {
		if err := e.Check(name); err != nil {
			return resource.Quantity{}, err
		}
	}
	if !quantity.InBounds(&value) {
		return resource.Quantity{}, fmt.Errorf("expression %q with %s=%s cannot be computed; that is too large", e.text, name, value.String())
	}
	result := e.root.eval(exact(value))
	if result.Sign() < 0 {
		return resource.Quantity{}, fmt.Errorf("expression %q with %s=%s is %s; a resource cannot be negative",
			e.text, name, value.String(), decimal(result))
	}
	scale := int64(1)
	if name == corev1.ResourceCPU {
		scale = 1000
	}
	cut := truncate(result, scale)
	if !cut.IsInt64() {
		return resource.Quantity{}, fmt.Errorf("expression %q with %s=%s is %s; that is too large", e.text, name, value.String(), decimal(result))
	}
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(cut.Int64(), resource.DecimalSI), nil
	}
	return *resource.NewQuantity(cut.Int64(), resource.BinarySI), nil
}

// exact is a quantity's value without rounding.
func exact(q resource.Quantity) *big.Rat {
	d := q.AsDec()
	out := new(big.Rat).SetInt(d.UnscaledBig())
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(abs(int(d.Scale())))), nil))
	if d.Scale() > 0 {
		return out.Quo(out, scale)
	}
	return out.Mul(out, scale)
}

// truncate cuts v*scale to an integer, towards zero.
func truncate(v *big.Rat, scale int64) *big.Int {
	scaled := new(big.Int).Mul(v.Num(), big.NewInt(scale))
	return scaled.Quo(scaled, v.Denom())
}

// decimal writes a value for a message.
func decimal(v *big.Rat) string {
	f, _ := v.Float64()
	return fmt.Sprintf("%.6g", f)
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
