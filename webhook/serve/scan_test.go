// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAScanCountsWhatWouldBeDecoded(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want shape
	}{
		"nothing":               {"", shape{}},
		"an object":             {`{"a":1,"b":[2,3]}`, shape{objects: 2, values: 2, depth: 2}},
		"no braces in strings":  {`{"a":"{[,","b":"\"{"}`, shape{objects: 1, values: 1, depth: 1}},
		"a backslash at an end": {`{"a":"\\","b":{}}`, shape{objects: 2, values: 1, depth: 2}},
		"what is cut off":       {`{"a":[[["`, shape{objects: 4, depth: 4}},
		"what closes too often": {`}}}}{`, shape{objects: 1}},
		"managed fields":        {`{"fieldsV1":{"f:a":{},"f:b":{}},"b":{}}`, shape{objects: 2, managed: 3, values: 2, depth: 3}},
		"no managed fields":     {`{"a":["fieldsV1",{"b":[{}]}]}`, shape{objects: 5, values: 1, depth: 5}},
		"a value of that name":  {`{"a":"fieldsV1","b":{}}`, shape{objects: 2, values: 1, depth: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, scan([]byte(test.text)), cmp.AllowUnexported(shape{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoReviewIsDecodedThatIsMoreThanAnyRealObject(t *testing.T) {
	limits := LimitsFor(0)
	for name, test := range map[string]struct {
		text string
		want string
	}{
		"a large real one":    {strings.Repeat(`{"name":"a","value":"b"},`, 9_000), ""},
		"a large StatefulSet": {largeUpdate(25, 40), ""},
		"many managed fields": {`{"fieldsV1":[` + strings.Repeat(`{},`, 41_000) + `]}`,
			"the review has 1 JSON objects and lists, and 41001 in managedFields, which count a quarter; 10000 are the most"},
		"many containers":     {strings.Repeat(`{},`, 10_001), "the review has 10001 JSON objects and lists, and 0 in managedFields, which count a quarter; 10000 are the most"},
		"many values":         {strings.Repeat(`0,`, 100_001), "the review has 100001 JSON values, 100000 are the most"},
		"a deep one":          {strings.Repeat(`[`, 101), "the review nests 101 deep, 100 is the most"},
		"one very large text": {`{"a":"` + strings.Repeat("x", 3_000_000) + `"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := scan([]byte(test.text)).check(limits); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// largeUpdate is the update of a set with so many containers, each with so many variables: the object twice, with
// fields that its manager owns.
func largeUpdate(containers, variables int) string {
	env := strings.Repeat(`{"name":"A","value":"b"},`, variables)
	owned := strings.Repeat(`"k:{\"name\":\"A\"}":{".":{},"f:name":{},"f:value":{}},`, variables)
	object := `{"metadata":{"managedFields":[{"fieldsV1":{"f:containers":{` + strings.Repeat(`"k:{}":{"f:env":{`+owned+`}},`, containers) + `}}}]},` +
		`"containers":[` + strings.Repeat(`{"env":[`+env+`],"ports":[{},{}],"resources":{"limits":{},"requests":{}},"volumeMounts":[{},{},{}]},`, containers) + `]}`
	return `{"object":` + object + `,"oldObject":` + object + `}`
}

// TestAllLimitsTogetherFit adds up what the port takes at most.
func TestAllLimitsTogetherFit(t *testing.T) {
	for _, memory := range []int64{128 * mib, 256 * mib, 1024 * mib} {
		limits := LimitsFor(memory)
		connections := int64(limits.Connections) * connectionMemory
		if taken := connections + limits.LargeBodies + limits.SmallReviews + limits.LargeReviews; taken > memory*2/3 {
			t.Errorf("with %d MiB the port takes up to %d MiB: too little is left for caches", memory/mib, taken/mib)
		}
	}
	if diff := cmp.Diff(LimitsFor(256*mib), LimitsFor(math.MaxInt64)); diff != "" {
		t.Errorf("without a limit (-want +got):\n%s", diff)
	}
}
