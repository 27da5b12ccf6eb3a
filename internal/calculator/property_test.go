// SPDX-License-Identifier: Apache-2.0

package calculator_test

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"github.com/windlass-operator/windlass/internal/calculator"
)

// drawNumbers draws an expression of plain numbers that Go understands too: its untyped constants are exact.
func drawNumbers(t *rapid.T, depth int) string {
	kinds := []string{"literal"}
	if depth > 0 {
		kinds = append(kinds, "binary", "binary", "minus", "parentheses")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "binary":
		sign := rapid.SampledFrom([]string{"+", "-", "*", "/"}).Draw(t, "sign")
		return fmt.Sprintf("%s %s %s", drawNumbers(t, depth-1), sign, drawNumbers(t, depth-1))
	case "minus":
		return "- " + drawNumbers(t, depth-1)
	case "parentheses":
		return "(" + drawNumbers(t, depth-1) + ")"
	}
	return fmt.Sprintf("%d.%d", rapid.IntRange(0, 99).Draw(t, "whole"), rapid.IntRange(0, 99).Draw(t, "fraction"))
}

// Go's own arithmetic of constants is the judge of precedence and precision.
func TestPlainNumbersAreWhatGoMakesOfThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawNumbers(t, 4)
		judged, judgeErr := types.Eval(token.NewFileSet(), nil, token.NoPos, text)
		expression, err := calculator.Parse(text)
		if (judgeErr == nil) != (err == nil) {
			t.Fatalf("%s: Go says %v, the parser says %v", text, judgeErr, err)
		}
		if err != nil {
			return
		}
		millis := constant.BinaryOp(judged.Value, token.MUL, constant.MakeInt64(1000))
		cut := constant.BinaryOp(constant.Num(millis), token.QUO_ASSIGN, constant.Denom(millis)) // on integers: truncates
		want, fits := constant.Int64Val(cut)
		got, err := expression.Eval(corev1.ResourceCPU, resource.Quantity{})
		if allowed := fits && constant.Sign(judged.Value) >= 0; allowed != (err == nil) {
			t.Fatalf("%s is %s: allowed %t, error %v", text, judged.Value, allowed, err)
		}
		if err == nil && got.MilliValue() != want {
			t.Fatalf("%s: got %dm, want %dm", text, got.MilliValue(), want)
		}
	})
}

// A linear expression over any quantity agrees with plain integers.
func TestALinearExpressionIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Int64Range(0, 1<<40).Draw(t, "bytes")
		percent := rapid.Int64Range(0, 1000).Draw(t, "percent")
		added := rapid.Int64Range(0, 1<<20).Draw(t, "kibibytes")
		text := fmt.Sprintf("memory*%d%% + %dKi", percent, added)
		expression, err := calculator.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := expression.Eval(corev1.ResourceMemory, *resource.NewQuantity(value, resource.BinarySI))
		if err != nil {
			t.Fatal(err)
		}
		if want := value*percent/100 + added*1024; got.Value() != want {
			t.Fatalf("%s with %d: got %d, want %d", text, value, got.Value(), want)
		}
	})
}

// Whatever is accepted computes something, or says why not, and does so twice.
func checkAny(t interface{ Fatalf(string, ...any) }, text string) {
	expression, err := calculator.Parse(text)
	if err != nil {
		if err.Error() == "" {
			t.Fatalf("%q is refused without a reason", text)
		}
		return
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if expression.Check(name) != nil {
			continue
		}
		first, err := expression.Eval(name, resource.MustParse("1500m"))
		if err != nil {
			continue
		}
		if first.Sign() < 0 {
			t.Fatalf("%q is %s", text, first.String())
		}
		if second, err := expression.Eval(name, resource.MustParse("1500m")); err != nil || second.Cmp(first) != 0 {
			t.Fatalf("%q is first %s, then %s, %v", text, first.String(), second.String(), err)
		}
	}
}

func TestAnyRowOfWordsIsParsedOrRefused(t *testing.T) {
	words := []string{"cpu", "memory", "max", "min", "(", ")", ",", "+", "-", "*", "/", "1", "0", "50%", "2.5", "1e9", "100m", "1Gi", "0.0001", " ", "x", "€"}
	rapid.Check(t, func(t *rapid.T) {
		checkAny(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 30).Draw(t, "words"), ""))
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"max(cpu*50%, 50m)", "min(memory/2, 200Mi)", "-(1e3 - .5)", "1e", "((((", "cpu*1e30/1e30", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { checkAny(t, text) })
}

func BenchmarkEval(b *testing.B) {
	expression, err := calculator.Parse("max(cpu*50%, 50m) + 10m")
	if err != nil {
		b.Fatal(err)
	}
	value := resource.MustParse("1500m")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := expression.Eval(corev1.ResourceCPU, value); err != nil {
			b.Fatal(err)
		}
	}
}
