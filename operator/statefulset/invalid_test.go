// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/loop"
)

// What the webhook refuses can be stored while it is away. Neither a Pod nor a claim may be lost to it.
func TestNothingIsDoneAboutASetThatCannotBeUsed(t *testing.T) {
	reserve := func(entry string) func(*v1beta1.StatefulSetSpec) {
		return func(spec *v1beta1.StatefulSetSpec) {
			spec.ReserveOrdinals = []intstr.IntOrString{intstr.FromString(entry)}
		}
	}
	for name, test := range map[string]struct {
		change func(spec *v1beta1.StatefulSetSpec)
		want   string
	}{
		"a range that cannot be read":                    {reserve("0 - 4"), `spec.reserveOrdinals[0]: "0 - 4" is neither an ordinal nor a range like 5-8`},
		"a range that has no end":                        {reserve("0-9223372036854775807"), `spec.reserveOrdinals[0]: "0-9223372036854775807" is neither an ordinal nor a range like 5-8`},
		"Pods that would not be its own":                 {func(spec *v1beta1.StatefulSetSpec) { spec.Template.Labels = map[string]string{"app": "other"} }, `spec.template.metadata.labels: "app=other" must be matched by spec.selector, which is app=web`},
		"more replicas than any cluster runs":            {func(spec *v1beta1.StatefulSetSpec) { spec.Replicas = ptr.To[int32](2_000_000_000) }, `spec.replicas: is 2000000000; at most 100000 are allowed`},
		"a quantity that costs too much to compute with": {hugeLimit, `spec.template.spec.containers[0].resources.limits[cpu]: Invalid value: "1e300000000": a quantity has at most 64 characters and an exponent from -30 to 30`},
		"no selector at all":                             {func(spec *v1beta1.StatefulSetSpec) { spec.Selector = nil }, `spec.template.metadata.labels: "app=web" must be matched by spec.selector, which is <none>`},
		"a selector that cannot be read":                 {func(spec *v1beta1.StatefulSetSpec) { spec.Selector = unreadableSelector() }, `spec.selector: "Like" is not a valid label selector operator`},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, web().Reserve("0-4"))
			w.edit(name, test.change)
			w.cache.Sync()
			s, err := w.gatherer.snapshot(t.Context(), client.ObjectKey{Namespace: "default", Name: "web"})
			if invalid := (*loop.Invalid)(nil); s != nil || !errors.As(err, &invalid) {
				t.Fatalf("there is a snapshot to decide on, error %v", err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func hugeLimit(spec *v1beta1.StatefulSetSpec) {
	spec.Template.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1e300000000")}
}

func unreadableSelector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Like"}}}
}
