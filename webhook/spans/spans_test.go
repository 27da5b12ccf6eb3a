// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	for name, test := range map[string]struct {
		object    string
		want      []string // "" for a field that is not there
		undecided bool
	}{
		"a field between others":              {object: `{"x":1,"a":{"b":[1,{"a":2}]},"y":"}"}`, want: []string{`{"b":[1,{"a":2}]}`, ""}},
		"both, and space":                     {object: " {\n\t\"b\" : true ,\r\"a\": -1.5e+3 } ", want: []string{"-1.5e+3", "true"}},
		"strings with quotes and backslashes": {object: `{"x":"\"","a":"\\","b":"\\\"{"}`, want: []string{`"\\"`, `"\\\"{"`}},
		"null is there":                       {object: `{"a":null}`, want: []string{"null", ""}},
		"none":                                {object: `{}`, want: []string{"", ""}},
		"only below":                          {object: `{"x":{"a":1},"y":[{"b":1}]}`, want: []string{"", ""}},
		"a name that stands twice":            {object: `{"a":1,"a":2}`, undecided: true},
		"a name with an escape":               {object: `{"\u0061":1}`, undecided: true},
		"no object":                           {object: `[1]`, undecided: true},
		"nothing":                             {object: ``, undecided: true},
		"something behind it":                 {object: `{"a":1} x`, undecided: true},
		"another object behind it":            {object: `{"a":1}{}`, undecided: true},
		"an end too early":                    {object: `{"a":{"b":1}`, undecided: true},
		"a string without end":                {object: `{"a":"b}`, undecided: true},
		"a name without end":                  {object: `{"a`, undecided: true},
		"no name":                             {object: `{1:2}`, undecided: true},
		"no value":                            {object: `{"a":}`, undecided: true},
		"no colon":                            {object: `{"a" 1}`, undecided: true},
		"no comma":                            {object: `{"a":1 "b":2}`, undecided: true},
		"a comma too many":                    {object: `{"a":1,}`, undecided: true},
	} {
		t.Run(name, func(t *testing.T) {
			var found [2]Span
			if ok := Find([]byte(test.object), found[:], "a", "b"); ok == test.undecided {
				t.Fatalf("found: %v", ok)
			}
			if test.undecided {
				return
			}
			var got []string
			for _, span := range found {
				got = append(got, string(span.In([]byte(test.object))))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzFind holds that in all JSON a field is found where a decoder finds it.
func FuzzFind(f *testing.F) {
	for _, text := range []string{`{"a":{"b":[1,"\"]"]},"b":null}`, `{"b":1e5,"a":"\\"}`, `{"x":{"a":1}}`, `{"A":1,"a":2}`, `{"a":1,"a":[]}`, ` { } `} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &want) != nil || want == nil {
			return
		}
		var found [2]Span
		if !Find([]byte(text), found[:], "a", "b") {
			return
		}
		for i, name := range []string{"a", "b"} {
			if got := string(found[i].In([]byte(text))); got != string(want[name]) {
				t.Errorf("%s of %s: %s, want %s", name, text, got, want[name])
			}
		}
	})
}
