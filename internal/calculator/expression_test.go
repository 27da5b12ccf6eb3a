// SPDX-License-Identifier: Apache-2.0

package calculator_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/windlass-operator/windlass/internal/calculator"
)

func parse(t *testing.T, text string) calculator.Expression {
	t.Helper()
	expression, err := calculator.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return expression
}

func TestWhatAnExpressionComputes(t *testing.T) {
	type row struct {
		name              corev1.ResourceName
		expression, value string
		want              string
	}
	cpu := func(expression, value, want string) row { return row{corev1.ResourceCPU, expression, value, want} }
	memory := func(expression, value, want string) row {
		return row{corev1.ResourceMemory, expression, value, want}
	}
	for name, test := range map[string]row{
		"the value itself":                        cpu("cpu", "1500m", "1500m"),
		"names in any case":                       cpu("MAX(Cpu, mIn(CPU, 1m))", "2", "2"),
		"a percentage":                            cpu("cpu*50%", "300m", "150m"),
		"a percentage with a fraction":            cpu("cpu * 12.5%", "800m", "100m"),
		"a plain number of cores":                 cpu("2", "0", "2"),
		"a plain number of bytes":                 memory("2048", "0", "2Ki"),
		"a number with an exponent":               memory("1e6", "0", "1000000"),
		"a capital exponent with a sign":          memory("1.5E+3", "0", "1500"),
		"a negative exponent":                     cpu("cpu * 1e-1", "1", "100m"),
		"a number that begins with a point":       cpu("cpu*.5", "1", "500m"),
		"a number that ends with a point":         cpu("cpu*2.", "1", "2"),
		"leading zeros do not mean octal":         cpu("010", "0", "10"),
		"milli":                                   cpu("100m", "0", "100m"),
		"kilo":                                    memory("1k", "0", "1000"),
		"mega":                                    memory("1M", "0", "1000000"),
		"giga":                                    memory("1G", "0", "1000000000"),
		"tera":                                    memory("1T", "0", "1000000000000"),
		"peta":                                    memory("1P", "0", "1000000000000000"),
		"kibi":                                    memory("1Ki", "0", "1024"),
		"mebi":                                    memory("200Mi", "0", "200Mi"),
		"gibi, a fraction of it":                  memory("0.5Gi", "0", "512Mi"),
		"tebi":                                    memory("1Ti", "0", "1Ti"),
		"pebi":                                    memory("1Pi", "0", "1Pi"),
		"products before sums":                    cpu("cpu + 2 * 3", "1", "7"),
		"quotients from the left":                 cpu("12 / 3 / 2", "0", "2"),
		"differences from the left":               cpu("5 - 2 - 1", "0", "2"),
		"parentheses first":                       cpu("(cpu + 2) * 3", "1", "9"),
		"a minus binds tighter than a product":    cpu("-cpu * -2", "3", "6"),
		"a minus after an operator":               cpu("3 - -cpu", "1", "4"),
		"a minus before a minus":                  cpu("--cpu", "1", "1"),
		"a subtraction that the value allows":     cpu("cpu-2", "3", "1"),
		"quantities in a difference":              memory("memory-100Mi", "300Mi", "200Mi"),
		"the larger of two":                       cpu("max(cpu*50%, 50m)", "60m", "50m"),
		"the smaller of two":                      memory("min(memory/2, 200Mi)", "1Gi", "200Mi"),
		"functions in functions":                  cpu("max(min(cpu, 2), 100m)", "4", "2"),
		"a sum of plain numbers times a quantity": cpu("(1+1)*cpu", "1", "2"),
		"white space anywhere":                    cpu(" max ( cpu ,\t1\n) ", "2", "2"),
		"zero of an absent request":               cpu("cpu*50%", "0", "0"),
		"cpu is cut to millicores":                cpu("cpu/3", "1", "333m"),
		"a plain number of cores is cut too":      cpu("0.0019", "0", "1m"),
		"memory is cut to bytes":                  memory("memory*30%", "1Gi", "322122547"),
		"a plain number is cut before it meets a quantity": cpu("(cpu + 0.0009)*1000", "1", "1000"),
		"a plain number that stays one is not cut":         cpu("(0.0009 + 0.0001)*1000", "0", "1"),
		"hundredths are exact":                             cpu("cpu*0.29", "100", "29"),
		"what is large in between may be small at the end": memory("memory*1e20/1e20", "1Gi", "1Gi"),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(t, test.expression).Eval(test.name, resource.MustParse(test.value))
			if err != nil {
				t.Fatal(err)
			}
			if want := resource.MustParse(test.want); want.Cmp(got) != 0 {
				t.Errorf("%s with %s=%s: got %s, want %s", test.expression, test.name, test.value, got.String(), test.want)
			}
		})
	}
}

func TestWhatIsNoExpression(t *testing.T) {
	for name, test := range map[string]struct{ expression, want string }{
		"nothing at all":           {"", `expression "", character 1: it ends here, where a number, a quantity, cpu, memory, max, min, "-" or "(" is missing`},
		"an end too soon":          {"cpu *", `expression "cpu *", character 6: it ends here, where a number, a quantity, cpu, memory, max, min, "-" or "(" is missing`},
		"two operators":            {"cpu */ 2", `expression "cpu */ 2", character 6: "/" stands where only a number, a quantity, cpu, memory, max, min, "-" or "(" is allowed`},
		"a plus sign":              {"+cpu", `expression "+cpu", character 1: "+" stands where only a number, a quantity, cpu, memory, max, min, "-" or "(" is allowed`},
		"no operator":              {"2 cpu", `expression "2 cpu", character 3: "cpu" stands where only an operator (+ - * /) or the end is allowed`},
		"an open parenthesis":      {"(cpu", `expression "(cpu", character 5: it ends here, where ")" is missing`},
		"a stray parenthesis":      {"cpu)", `expression "cpu)", character 4: ")" stands where only an operator (+ - * /) or the end is allowed`},
		"an unknown name":          {"gpu*2", `expression "gpu*2", character 1: "gpu" is unknown; known are cpu, memory, max and min`},
		"an unknown sign":          {"cpu ^ 2", `expression "cpu ^ 2", character 5: '^' means nothing; known are numbers, quantities, cpu, memory, max, min and + - * / ( ) ,`},
		"an unknown suffix":        {"1Ei", `expression "1Ei", character 1: 1Ei has an unknown suffix; allowed are m, k, M, G, T, P, Ki, Mi, Gi, Ti and Pi`},
		"an exponent and a suffix": {"1e3Mi", `expression "1e3Mi", character 1: 1e3Mi has both an exponent and a suffix; leave out one`},
		"half an exponent":         {"1e", `expression "1e", character 1: 1e has an unknown suffix; allowed are m, k, M, G, T, P, Ki, Mi, Gi, Ti and Pi`},
		"a huge exponent":          {"1e31", `expression "1e31", character 1: the exponent of 1e31 is out of range; allowed is -30 to 30`},
		"an exponent beyond ints":  {"1e-99999999999999999999", `expression "1e-99999999999999999999", character 1: the exponent of 1e-99999999999999999999 is out of range; allowed is -30 to 30`},
		"two points":               {"1.2.3", `expression "1.2.3", character 1: "1.2.3" is no number`},
		"only a point":             {".", `expression ".", character 1: "." is no number`},
		"one argument":             {"max(cpu)", `expression "max(cpu)", character 8: ")" stands where only "," is allowed`},
		"three arguments":          {"max(1,2,3)", `expression "max(1,2,3)", character 8: "," stands where only ")" is allowed`},
		"a function without any":   {"max", `expression "max", character 4: it ends here, where "(" is missing`},
		"quantity times quantity":  {"cpu*100m", `expression "cpu*100m", character 4: a quantity cannot be multiplied by a quantity; one side must be a plain number or a percentage`},
		"the square of a value":    {"memory * (1 + memory)", `expression "memory * (1 + memory)", character 8: a quantity cannot be multiplied by a quantity; one side must be a plain number or a percentage`},
		"divided by a quantity":    {"100m/cpu", `expression "100m/cpu", character 5: nothing can be divided by a quantity; divide by a plain number or a percentage`},
		"divided by zero":          {"cpu/(1-1)", `expression "cpu/(1-1)", character 4: division by zero`},
		"divided by 0%":            {"cpu/0%", `expression "cpu/0%", character 4: division by zero`},
		"far too long":             {strings.Repeat("1", 1025), `expression has 1025 characters; at most 1024 are allowed`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := calculator.Parse(test.expression)
			if err == nil {
				t.Fatalf("%q is accepted", test.expression)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhichExpressionsCanNeverCompute(t *testing.T) {
	for name, test := range map[string]struct {
		name             corev1.ResourceName
		expression, want string
	}{
		"cpu from cpu":                         {corev1.ResourceCPU, "cpu", ""},
		"a constant":                           {corev1.ResourceMemory, "200Mi", ""},
		"a difference that some Pods allow":    {corev1.ResourceCPU, "cpu-2", ""},
		"memory from cpu":                      {corev1.ResourceMemory, "cpu*2", `expression "cpu*2" names cpu, but computes memory; only memory is known in it`},
		"cpu from both":                        {corev1.ResourceCPU, "max(cpu, memory)", `expression "max(cpu, memory)" names memory, but computes cpu; only cpu is known in it`},
		"a resource that is neither of them":   {corev1.ResourcePods, "1", `pods cannot be computed; only cpu and memory can`},
		"a negative constant":                  {corev1.ResourceCPU, "1-2", `expression "1-2" with cpu=0 is -1; a resource cannot be negative`},
		"a constant that no quantity can hold": {corev1.ResourceMemory, "1e30", `expression "1e30" with memory=0 is 1e+30; that is too large`},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := parse(t, test.expression).Check(test.name); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvalFailsOnWhatThePodDoesNotAllow(t *testing.T) {
	for name, test := range map[string]struct {
		name                    corev1.ResourceName
		expression, value, want string
	}{
		"a negative result":      {corev1.ResourceCPU, "cpu-2", "500m", `expression "cpu-2" with cpu=500m is -1.5; a resource cannot be negative`},
		"a result beyond bounds": {corev1.ResourceMemory, "memory*1e15", "1Gi", `expression "memory*1e15" with memory=1Gi is 1.07374e+24; that is too large`},
		"a value out of bounds":  {corev1.ResourceCPU, "cpu*2", "1e300000000", `expression "cpu*2" with cpu=1e300000000 cannot be computed; that is too large`},
		"the other resource":     {corev1.ResourceMemory, "cpu", "1", `expression "cpu" names cpu, but computes memory; only memory is known in it`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, test.expression).Eval(test.name, resource.MustParse(test.value))
			if err == nil {
				t.Fatal("it was computed")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
