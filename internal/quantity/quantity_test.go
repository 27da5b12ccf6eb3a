// SPDX-License-Identifier: Apache-2.0

package quantity_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/quantity"
)

const says = "; a quantity has at most 64 characters and an exponent from -30 to 30"

func TestWhichQuantitiesAreOutOfBounds(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a suffix":                          {"100m", ""},
		"exa":                               {"8E", ""},
		"exbi":                              {"8Ei", ""},
		"an exponent":                       {"1e3", ""},
		"the greatest exponent":             {"1E+30", ""},
		"the smallest exponent":             {"1e-30", ""},
		"leading zeros of the exponent":     {"1e0000000005", ""},
		"white space around it":             {" 1e9 ", ""},
		"as many characters as are allowed": {strings.Repeat("9", 64), ""},
		"no quantity at all":                {"one", ""},
		"an exponent that is none":          {"1e3.5", ""},
		"an exponent that is too large":     {"1e31", "its exponent is 31" + says},
		"a capital one":                     {"1E31", "its exponent is 31" + says},
		"one that is too small":             {"1e-31", "its exponent is -31" + says},
		"the exponent of a zero":            {"0e2147483647", "its exponent is 2147483647" + says},
		"one beyond all integers":           {"1e99999999999999999999", "its exponent is 99999999999999999999" + says},
		"white space does not hide it":      {"\t1e200000000\n", "its exponent is 200000000" + says},
		"too many characters":               {strings.Repeat("9", 65), "it has 65 characters" + says},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := quantity.Check(test.text); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// everywhere is a Pod with a quantity wherever one can be.
const everywhere = `{"spec": {
	"overhead": {"cpu": %[1]s},
	"resources": {"requests": {"cpu": %[1]s}},
	"containers": [{"name": "a",
		"env": [{"name": "N", "value": "1e200000000"}, {"name": "R", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": %[1]s}}}],
		"resources": {"requests": {"cpu": %[1]s}, "limits": {"example.com/gpu": %[1]s}}}],
	"initContainers": [{"name": "b", "resources": {"limits": {"memory": %[1]s}}}],
	"ephemeralContainers": [{"name": "c", "resources": {"limits": {"memory": %[1]s}}}],
	"volumes": [
		{"name": "v", "emptyDir": {"sizeLimit": %[1]s}},
		{"name": "w", "ephemeral": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": %[1]s}}}}}},
		{"name": "x", "downwardAPI": {"items": [{"path": "p", "resourceFieldRef": {"resource": "limits.cpu", "divisor": %[1]s}}]}},
		{"name": "y", "projected": {"sources": [{"downwardAPI": {"items": [{"path": "p", "resourceFieldRef": {"resource": "limits.cpu", "divisor": %[1]s}}]}}]}}]},
	"metadata": {"annotations": {"n": "1e200000000", "cpu": "1e-200000000"}}}`

var everyPath = []string{
	"spec.containers[0].env[1].valueFrom.resourceFieldRef.divisor",
	"spec.containers[0].resources.limits[example.com/gpu]",
	"spec.containers[0].resources.requests[cpu]",
	"spec.ephemeralContainers[0].resources.limits[memory]",
	"spec.initContainers[0].resources.limits[memory]",
	"spec.overhead[cpu]",
	"spec.resources.requests[cpu]",
	"spec.volumes[0].emptyDir.sizeLimit",
	"spec.volumes[1].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]",
	"spec.volumes[2].downwardAPI.items[0].resourceFieldRef.divisor",
	"spec.volumes[3].projected.sources[0].downwardAPI.items[0].resourceFieldRef.divisor",
}

func paths(faults field.ErrorList) (out []string) {
	for _, f := range faults {
		out = append(out, f.Field)
	}
	return out
}

// lastQuantity is what stands for those out of bounds.
const lastQuantity = "9223372036854775807"

func TestEveryQuantityOfAPodIsBoundedAndNothingElse(t *testing.T) {
	for name, text := range map[string]string{
		"a huge exponent":            `"1e200000000"`,
		"a tiny one":                 `"1e-200000000"`,
		"a number":                   `1e200000000`,
		"an escaped digit":           `"1e20000000\u0030"`,
		"an escaped letter":          `"1\u0065200000000"`,
		"an escaped capital letter":  `"1\u0045200000000"`,
		"an escaped sign":            `"1e\u002d200000000"`,
		"every character is escaped": `"\u0031\u0065\u0032\u0030\u0030\u0030\u0030\u0030\u0030"`,
		"white space around it":      `"  1e200000000\n"`,
		"more digits than any needs": `"` + strings.Repeat("1", 1000) + `"`,
		"a sign":                     `"+1e+200000000"`,
		"a fraction alone":           `".5e200000000"`,
		"a fraction without digits":  `"5.e200000000"`,
	} {
		t.Run(name, func(t *testing.T) {
			raw, faults, err := quantity.Bound(fmt.Appendf(nil, everywhere, text), &corev1.Pod{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(everyPath, paths(faults)); diff != "" {
				t.Errorf("out of bounds (-want +got):\n%s", diff)
			}
			pod := &corev1.Pod{}
			if err := json.Unmarshal(raw, pod); err != nil {
				t.Fatal(err)
			}
			want := resource.MustParse(lastQuantity)
			if got := pod.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU]; got.Cmp(want) != 0 {
				t.Errorf("it is decoded to %s", got.String())
			}
			if got := pod.Spec.Containers[0].Env[0].Value + pod.Annotations["n"] + pod.Annotations["cpu"]; got != "1e2000000001e2000000001e-200000000" {
				t.Errorf("texts that are no quantities were changed: %s", got)
			}
		})
	}
}

func TestWhatIsInBoundsIsNotTouched(t *testing.T) {
	for name, text := range map[string]string{
		"a plain pod": `"100m"`, "an exponent": `"1e3"`, "an exponent of two digits": `"1e10"`, "a number": `1`, "a fraction": `0.5`, "nothing": `null`,
		"not a quantity": `{"a": [1]}`,
	} {
		t.Run(name, func(t *testing.T) {
			given := fmt.Appendf(nil, strings.ReplaceAll(everywhere, "200000000", "5"), text)
			raw, faults, err := quantity.Bound(given, &corev1.Pod{})
			if err != nil || len(faults) > 0 {
				t.Fatal(err, faults)
			}
			var want, got any
			if err := errors.Join(json.Unmarshal(given, &want), json.Unmarshal(raw, &got)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoSpellingOfAFieldHidesAQuantity(t *testing.T) {
	raw := []byte(`{"Spec": {"CONTAINERS": [{"Resources": {"REQUESTS": {"cpu": "1e200000000", "CPU": "1e-200000000"}}}]},
		"spec": {"containers": [{"resources": {"requests": {"cpu": "1e200000000"}}}]}}`)
	_, faults, err := quantity.Bound(raw, &corev1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Spec.CONTAINERS[0].Resources.REQUESTS[CPU]", "Spec.CONTAINERS[0].Resources.REQUESTS[cpu]", "spec.containers[0].resources.requests[cpu]"}
	if diff := cmp.Diff(want, paths(faults)); diff != "" {
		t.Errorf("out of bounds (-want +got):\n%s", diff)
	}
}

// A decoder computes every quantity of a name that stands twice, also those that are replaced by the last one.
func TestNoSecondOneOfItsNameHidesAQuantity(t *testing.T) {
	for name, raw := range map[string]string{
		"of a quantity":       `{"spec": {"overhead": {"cpu": "1e-200000", "cpu": "1"}}}`,
		"of what is above it": `{"spec": {"overhead": {"cpu": "1e-200000"}}, "spec": {"overhead": {"cpu": "1"}}}`,
		"of the same letters": `{"spec": {"overhead": {"cpu": "1e-200000", "c\u0070u": "1"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			bounded, _, err := quantity.Bound([]byte(raw), &corev1.Pod{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(`{"spec":{"overhead":{"cpu":"1"}}}`, string(bounded)); diff != "" {
				t.Errorf("JSON to be decoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMessageNamesPathValueAndWhatIsAllowed(t *testing.T) {
	raw := []byte(`{"spec": {"overhead": {"cpu": "1e200000000", "memory": "1111111111222222222233333333334444444444e999"}}}`)
	_, faults, err := quantity.Bound(raw, &corev1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	want := `[spec.overhead[cpu]: Invalid value: "1e200000000": its exponent is 200000000` + says + `, ` +
		`spec.overhead[memory]: Invalid value: "111111111122222222223333...": its exponent is 999` + says + `]`
	if diff := cmp.Diff(want, faults.ToAggregate().Error()); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestWhatIsNoJSONIsRefused(t *testing.T) {
	for name, raw := range map[string]string{
		"an end too soon":  `{"spec": {"overhead": {"cpu": "1e200000000"`,
		"something behind": `{"spec": {"overhead": {"cpu": "1e200000000"}}} {}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := quantity.Bound([]byte(raw), &corev1.Pod{}); err == nil {
				t.Error("it is accepted")
			}
		})
	}
}

// decoded is a Pod with the text everywhere, as a library has decoded it.
func decoded(t testing.TB, text string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := json.Unmarshal(fmt.Appendf(nil, everywhere, text), pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

func TestEveryQuantityOfADecodedPodIsCapped(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"a huge exponent":        {`"1e200000000"`, everyPath},
		"zero of a huge one":     {`"0e2147483647"`, everyPath},
		"the greatest of all":    {`"9223372036854775807"`, nil},
		"a fraction":             {`"0.1m"`, nil},
		"an exponent in bounds":  {`"1e30"`, nil},
		"many digits":            {`"` + strings.Repeat("9", 60) + `"`, nil},
		"digits and an exponent": {`"` + strings.Repeat("9", 40) + `e30"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			pod := decoded(t, test.text)
			if diff := cmp.Diff(test.want, paths(quantity.Find(pod, nil))); diff != "" {
				t.Errorf("out of bounds (-want +got):\n%s", diff)
			}
			quantity.Cap(pod)
			if again := quantity.Find(pod, nil); len(again) > 0 {
				t.Errorf("capped ones are still out of bounds: %v", again)
			}
		})
	}
}

// TestOurKindsAreSeenThrough names one deep place of each kind, so that the walk through our own types, embedded ones
// among them, is not empty.
func TestOurKindsAreSeenThrough(t *testing.T) {
	const set = `{"spec": {"template": {"spec": {"containers": [{"resources": {"limits": {"cpu": "1e99"}}}]}},
		"volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": "1e99"}}}, "status": {"capacity": {"storage": "1e99"}}}]}}`
	const sidecars = `{"spec": {"containers": [{"resources": {"limits": {"cpu": "1e99"}}}], "initContainers": [{"resources": {"limits": {"cpu": "1e99"}}}],
		"volumes": [{"emptyDir": {"sizeLimit": "1e99"}}]}}`
	ofSet := []string{"spec.template.spec.containers[0].resources.limits[cpu]", "spec.volumeClaimTemplates[0].spec.resources.requests[storage]",
		"spec.volumeClaimTemplates[0].status.capacity[storage]"}
	ofSidecars := []string{"spec.containers[0].resources.limits[cpu]", "spec.initContainers[0].resources.limits[cpu]", "spec.volumes[0].emptyDir.sizeLimit"}
	for name, test := range map[string]struct {
		raw  string
		into any
		want []string
	}{
		"StatefulSet": {set, &v1beta1.StatefulSet{}, ofSet}, "StatefulSet v1alpha1": {set, &v1alpha1.StatefulSet{}, ofSet},
		"SidecarSet": {sidecars, &v1beta1.SidecarSet{}, ofSidecars}, "SidecarSet v1alpha1": {sidecars, &v1alpha1.SidecarSet{}, ofSidecars},
		"SchedPatch has none": {set, &v1alpha1.SchedPatch{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, faults, err := quantity.Bound([]byte(test.raw), test.into)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, paths(faults)); diff != "" {
				t.Errorf("out of bounds (-want +got):\n%s", diff)
			}
		})
	}
}
