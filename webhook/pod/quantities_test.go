// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	build "github.com/windlass-operator/windlass/internal/testing"
)

// A line of a Pod must not cost a replica its memory, neither to decode nor to compute with. The tiny one could not
// even be decoded.
func TestAPodWithQuantitiesOutOfBoundsIsRefused(t *testing.T) {
	refusal := func(text, exponent string) string {
		const place = `spec.containers[0].resources.%s[cpu]: Invalid value: %q: its exponent is %s; a quantity has at most 64 characters and an exponent from -30 to 30`
		return fmt.Sprintf(`Pod "p" is invalid: [`+place+", "+place+"]", "limits", text, exponent, "requests", text, exponent)
	}
	for name, test := range map[string]struct{ app, cpu, want string }{
		"a huge exponent":               {"web", "1e200000000", refusal("1e200000000", "200000000")},
		"a tiny one":                    {"web", "1e-2147483647", refusal("1e-2147483647", "-2147483647")},
		"of a Pod that no set is for":   {"other", "1e-2147483647", ""},
		"a quantity in bounds":          {"web", "1e3", ""},
		"the greatest exponent allowed": {"web", "1e30", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := handler(t, build.MakeSidecarSet("mesh").Container("proxy", "proxy:1"))
			request := review(t, build.MakePod("p").Obj())
			request.Object.Raw = fmt.Appendf(nil, `{"metadata": {"name": "p", "labels": {"app": %q, "n": "1e200000000"}}, "spec": {"containers": [
				{"name": "app", "image": "app:1", "env": [{"name": "E", "value": "1e200000000"}], "resources": {"requests": {"cpu": %q}, "limits": {"cpu": %[2]q}}}]}}`,
				test.app, test.cpu)
			response, got := h.Handle(t.Context(), request), ""
			if !response.Allowed {
				got = response.Result.Message
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
		})
	}
}
