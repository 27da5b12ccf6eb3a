// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

func cpuLimit(text string) func(*v1beta1.SidecarSetSpec) {
	return agent(func(c *v1beta1.SidecarContainer) {
		c.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(text)}
	})
}

func TestASetWithQuantitiesOutOfBoundsIsRefused(t *testing.T) {
	refused := got{http.StatusUnprocessableEntity, `SidecarSet.apps.kruise.io "s" is invalid: spec.containers[0].resources.limits[cpu]: ` +
		`Invalid value: "1e300000000": its exponent is 300000000; a quantity has at most 64 characters and an exponent from -30 to 30`}
	for name, test := range map[string]struct {
		before, now string
		want        got
	}{
		"in bounds":                           {now: "1e3", want: got{Code: http.StatusOK}},
		"out of bounds":                       {now: "1e300000000", want: refused},
		"a change takes it out of bounds":     {before: "1", now: "1e300000000", want: refused},
		"it was so before there were bounds":  {before: "1e300000000", now: "1e300000000", want: got{Code: http.StatusOK}},
		"a change brings it back into bounds": {before: "1e300000000", now: "1", want: got{Code: http.StatusOK}},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, named("s", spec(cpuLimit(test.now))))
			if test.before != "" {
				r.OldObject = runtime.RawExtension{Raw: request(t, named("s", spec(cpuLimit(test.before)))).Object.Raw}
			}
			if response := (Defaulter{}).Handle(t.Context(), r); !response.Allowed {
				t.Errorf("the defaults: %+v", response.Result)
			}
			response := newValidator(t).Handle(t.Context(), r)
			if diff := cmp.Diff(test.want, got{response.Result.Code, response.Result.Message}); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// got is what a test looks at in a response.
type got struct {
	Code    int32
	Message string
}
