// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestARecordComesBackAsItWas(t *testing.T) {
	want := Record{
		Exclusions: []Exclusion{exclusion("n1", -time.Hour, time.Hour), exclusion("n2", 0, 10*time.Minute, probe)},
		Attempts:   []Attempt{attempt(0, 1, 0, "uid", "n1"), attempt(3, 2, -time.Minute, "", "n2")},
	}
	got, err := ParseRecord(want.String())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestARecordIsReadTolerantly(t *testing.T) {
	one := Record{Exclusions: []Exclusion{exclusion("n1", 0, time.Hour)}}
	for name, test := range map[string]struct {
		text    string
		want    Record
		wantErr bool
	}{
		"nothing":                        {"", Record{}, false},
		"an empty object":                {"{}", Record{}, false},
		"fields that nobody knows":       {`{"color":"blue",` + one.String()[1:], one, false},
		"an entry that cannot be read":   {`{"exclusions":[{"node":7},` + one.String()[len(`{"exclusions":[`):], one, false},
		"an entry without a node":        {`{"exclusions":[{"reason":"x"},` + one.String()[len(`{"exclusions":[`):], one, false},
		"an attempt of a negative count": {`{"attempts":[{"ordinal":0,"revision":"r","deletes":-1}]}`, Record{}, false},
		"two entries of one node":        {`{"exclusions":[{"node":"n1","expires":"2000-01-01T00:00:00Z"},` + one.String()[len(`{"exclusions":[`):], one, false},
		"a list":                         {"[]", Record{}, true},
		"no JSON":                        {"n1, n2", Record{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseRecord(test.text)
			if (err != nil) != test.wantErr {
				t.Fatalf("error: %v", err)
			}
			if diff := cmp.Diff(test.want.String(), got.String()); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARecordForgetsWhatEndedADayAgo(t *testing.T) {
	r := Record{
		Exclusions: []Exclusion{exclusion("n1", -25*time.Hour, -24*time.Hour), exclusion("n2", -25*time.Hour, -23*time.Hour), exclusion("n3", 0, time.Hour)},
		Attempts:   []Attempt{attempt(0, 1, -24*time.Hour, "", "n1"), attempt(1, 1, -24*time.Hour, "under-way", "n1"), attempt(2, 1, -23*time.Hour, "", "n1")},
	}
	r.prune(at(0).Time)
	want := Record{
		Exclusions: []Exclusion{exclusion("n2", -25*time.Hour, -23*time.Hour), exclusion("n3", 0, time.Hour)},
		Attempts:   []Attempt{attempt(0, 1, -24*time.Hour, "", "n1"), attempt(1, 1, -24*time.Hour, "under-way", "n1"), attempt(2, 1, -23*time.Hour, "", "n1")},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

// Whatever a person writes, a record can be read or not, and one that can is written and read again alike.
func FuzzRecord(f *testing.F) {
	whole := Record{[]Exclusion{exclusion("n1", 0, time.Hour, probe)}, []Attempt{attempt(1, 2, 0, "uid", "n1")}}
	for _, seed := range []string{"", "{}", "[]", whole.String(), `{"exclusions":[{"node":"n1","expires":"0000-01-01T00:00:00Z","strikes":99}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ParseRecord(text)
		if err != nil {
			return
		}
		second, err := ParseRecord(first.String())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, first.String())
		}
		if diff := cmp.Diff(first.String(), second.String()); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
		first.prune(at(0).Time)
	})
}
