// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestOrdinals(t *testing.T) {
	for name, test := range map[string]struct {
		replicas, start int32
		reserve         []string
		want            []int
	}{
		"from zero":                             {3, 0, nil, []int{0, 1, 2}},
		"none":                                  {0, 0, nil, []int{}},
		"from ordinals.start":                   {2, 5, nil, []int{5, 6}},
		"a reserved one is left out":            {3, 0, []string{"1"}, []int{0, 2, 3}},
		"the first one reserved":                {2, 0, []string{"0"}, []int{1, 2}},
		"reserved ones below the start":         {2, 5, []string{"1", "3-4"}, []int{5, 6}},
		"a range across the start":              {2, 5, []string{"3-6"}, []int{7, 8}},
		"reserved ones beyond the last":         {2, 0, []string{"7"}, []int{0, 1}},
		"a range":                               {3, 0, []string{"1-3"}, []int{0, 4, 5}},
		"ranges that overlap":                   {2, 0, []string{"0-4", "3-6", "2"}, []int{7, 8}},
		"one range within another":              {2, 0, []string{"0-9", "2-3"}, []int{10, 11}},
		"ranges that touch, in any order":       {3, 0, []string{"5-6", "1-2", "3-4"}, []int{0, 7, 8}},
		"twice the same":                        {2, 0, []string{"1", "1"}, []int{0, 2}},
		"a range of a billion costs nothing":    {2, 0, []string{"0-1000000000"}, []int{1000000001, 1000000002}},
		"a number as text":                      {2, 0, []string{"0-0"}, []int{1, 2}},
		"what cannot be read reserves nothing":  {2, 0, []string{"x", "3-1", "1-", "-1-2"}, []int{0, 1}},
		"all of an OrderedReady range but some": {4, 0, []string{"0", "2", "4", "6"}, []int{1, 3, 5, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := build.MakeStatefulSet("web").Replicas(test.replicas).Reserve(test.reserve...).Obj().Spec
			if test.start > 0 {
				spec.Ordinals = &v1beta1.StatefulSetOrdinals{Start: test.start}
			}
			if diff := cmp.Diff(test.want, ordinals(&spec)); diff != "" {
				t.Errorf("ordinals (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReplicasDefaultToOne(t *testing.T) {
	if diff := cmp.Diff([]int{0}, ordinals(&v1beta1.StatefulSetSpec{})); diff != "" {
		t.Errorf("ordinals (-want +got):\n%s", diff)
	}
}

func TestOrdinalOf(t *testing.T) {
	for pod, want := range map[string]int{
		"web-0": 0, "web-12": 12, "web-01": -1, "web-": -1, "web": -1, "web--1": -1, "web-x": -1, "other-0": -1, "web-0-0": -1, "web-00": -1,
	} {
		if got := ordinalOf("web", pod); got != want {
			t.Errorf("ordinal of %s = %d, want %d", pod, got, want)
		}
	}
}
