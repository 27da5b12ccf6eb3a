// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
)

// span is a range of ordinals, both ends included.
type span struct{ first, last int }

// ordinals lists the ordinals that a set's Pods should have, ascending: replicas of them from ordinals.start on, the
// reserved ones left out.
func ordinals(spec *v1beta1.StatefulSetSpec) []int {
	next := 0
	if spec.Ordinals != nil {
		next = int(spec.Ordinals.Start)
	}
	spans := reserved(spec.ReserveOrdinals)
	out := make([]int, 0, ptr.Deref(spec.Replicas, 1))
	for range ptr.Deref(spec.Replicas, 1) {
		for len(spans) > 0 && spans[0].first <= next {
			next = max(next, spans[0].last+1)
			spans = spans[1:]
		}
		out = append(out, next)
		next++
	}
	return out
}

// reserved reads reserveOrdinals, sorted. Nothing is planned for a set with an entry that cannot be read; it would
// reserve nothing.
func reserved(list []intstr.IntOrString) []span {
	var out []span
	for i := range list {
		if s, err := parseReserved(list[i]); err == nil {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b span) int { return a.first - b.first })
	return out
}

func parseReserved(value intstr.IntOrString) (span, error) {
	if value.Type == intstr.Int {
		return span{value.IntValue(), value.IntValue()}, nil
	}
	first, last, isRange := strings.Cut(value.StrVal, "-")
	if !isRange {
		last = first
	}
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(last)
	if errA != nil || errB != nil || a < 0 || a > b || b > math.MaxInt32 {
		return span{}, fmt.Errorf("%q is neither an ordinal nor a range like 5-8", value.StrVal)
	}
	return span{a, b}, nil
}

// ordinalOf returns the ordinal of a Pod of the set, -1 for other Pods.
func ordinalOf(set, pod string) int {
	parent, ordinal, ok := podcache.SplitOrdinal(pod)
	if !ok || parent != set {
		return -1
	}
	return ordinal
}

// podName names the Pod of an ordinal.
func podName(set *v1beta1.StatefulSet, ordinal int) string {
	return set.Name + "-" + strconv.Itoa(ordinal)
}

// claimName names the claim of an ordinal.
func claimName(template string, set *v1beta1.StatefulSet, ordinal int) string {
	return template + "-" + podName(set, ordinal)
}
