// SPDX-License-Identifier: Apache-2.0

package priority

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

func TestSort(t *testing.T) {
	type item struct {
		Name   string
		labels map[string]string
	}
	items := []item{
		{"plain", nil},
		{"shard-2", map[string]string{"shard": "s-2", "tier": "test"}},
		{"shard-10", map[string]string{"shard": "s-10"}},
		{"zone", map[string]string{"zone": "a"}},
		{"gold", map[string]string{"tier": "gold", "shard": "s-1"}},
	}
	weight := func(w int32, key, value string) v1beta1.UpdatePriorityWeightTerm {
		return v1beta1.UpdatePriorityWeightTerm{Weight: w, MatchSelector: metav1.LabelSelector{MatchLabels: map[string]string{key: value}}}
	}
	tests := map[string]struct {
		strategy *v1beta1.UpdatePriorityStrategy
		want     []string
	}{
		"no strategy keeps the order": {nil, []string{"plain", "shard-2", "shard-10", "zone", "gold"}},
		"the larger trailing number goes first, those without the label last": {
			&v1beta1.UpdatePriorityStrategy{OrderPriority: []v1beta1.UpdatePriorityOrderTerm{{OrderedKey: "shard"}}},
			[]string{"shard-10", "shard-2", "gold", "plain", "zone"},
		},
		"the first key comes before the second": {
			&v1beta1.UpdatePriorityStrategy{OrderPriority: []v1beta1.UpdatePriorityOrderTerm{{OrderedKey: "zone"}, {OrderedKey: "shard"}}},
			[]string{"zone", "shard-10", "shard-2", "gold", "plain"},
		},
		"weights add up, the larger sum goes first": {
			&v1beta1.UpdatePriorityStrategy{WeightPriority: []v1beta1.UpdatePriorityWeightTerm{weight(10, "tier", "test"), weight(3, "shard", "s-10"), weight(1, "shard", "s-2")}},
			[]string{"shard-2", "shard-10", "plain", "zone", "gold"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sorted := append([]item{}, items...)
			Sort(test.strategy, sorted, func(i item) map[string]string { return i.labels })
			var got []string
			for _, i := range sorted {
				got = append(got, i.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}
