// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	cases := map[string]struct {
		values []float64
		want   Spread
	}{
		"nothing":                       {nil, Spread{}},
		"one value":                     {[]float64{2}, Spread{Values: []float64{2}, Min: 2, Median: 2, Max: 2}},
		"an odd number, in any order":   {[]float64{3, 1, 2}, Spread{Values: []float64{3, 1, 2}, Min: 1, Median: 2, Max: 3}},
		"an even number":                {[]float64{4, 1, 2, 3}, Spread{Values: []float64{4, 1, 2, 3}, Min: 1, Median: 2.5, Max: 4}},
		"what is no number is left out": {[]float64{math.NaN(), 5, math.Inf(1)}, Spread{Values: []float64{5}, Min: 5, Median: 5, Max: 5}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, SpreadOf(c.values)); diff != "" {
				t.Errorf("spread (-want +got):\n%s", diff)
			}
		})
	}
}

func trial(round int, side Side, value float64) TrialResult {
	return TrialResult{Round: round, Side: side, Values: map[string]float64{"line": value}}
}

func TestSummarize(t *testing.T) {
	yes, no := true, false
	trials := []TrialResult{
		trial(0, Ours, 80), trial(0, Reference, 100),
		trial(1, Reference, 10), trial(1, Ours, 9),
		trial(2, Ours, 50),
		{Round: 2, Side: Reference, Values: map[string]float64{"another line": 1}},
	}
	cases := map[string]struct {
		target       Target
		wantCompared Spread
		wantMet      *bool
	}{
		"without a target":      {Target{}, Spread{}, nil},
		"of the ratio, met":     {Target{Ratio, ">=", 0.8}, Spread{Values: []float64{0.8, 0.9}, Min: 0.8, Median: 0.8500000000000001, Max: 0.9}, &yes},
		"of the ratio, missed":  {Target{Ratio, ">", 1}, Spread{Values: []float64{0.8, 0.9}, Min: 0.8, Median: 0.8500000000000001, Max: 0.9}, &no},
		"of the difference":     {Target{Difference, "<=", -20}, Spread{Values: []float64{-20, -1}, Min: -20, Median: -10.5, Max: -1}, &no},
		"of our value alone":    {Target{Value, "<", 51}, Spread{Values: []float64{80, 9, 50}, Min: 9, Median: 50, Max: 80}, &yes},
		"of exactly that value": {Target{Value, "=", 50}, Spread{Values: []float64{80, 9, 50}, Min: 9, Median: 50, Max: 80}, &yes},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := summarize(Line{Name: "line", Unit: "Pods/s", Better: Higher, Target: c.target}, trials, 1)
			want := LineResult{
				Name: "line", Unit: "Pods/s", Better: Higher, Target: c.target,
				Ours:      Spread{Values: []float64{80, 9, 50}, Min: 9, Median: 50, Max: 80},
				Reference: Spread{Values: []float64{100, 10}, Min: 10, Median: 55, Max: 100},
				// The round in which one side has no value has no ratio.
				Ratio:    Spread{Values: []float64{0.8, 0.9}, Min: 0.8, Median: 0.8500000000000001, Max: 0.9},
				Compared: c.wantCompared, Met: c.wantMet,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTargetsOfTheFullSizeAreNotMetBySmallerRuns(t *testing.T) {
	yes := true
	cases := map[string]struct {
		fullSize bool
		scale    float64
		want     *bool
	}{
		"at the full size":             {true, 1, &yes},
		"at a larger one":              {true, 2, &yes},
		"at a tenth":                   {true, 0.1, nil},
		"one that holds at every size": {false, 0.1, &yes},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			line := Line{Name: "line", Target: Target{Value, "<", 51}, FullSize: c.fullSize}
			got := summarize(line, []TrialResult{trial(0, Ours, 50)}, c.scale).Met
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("met (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEachMeasureHasProfilesOfItsOwn(t *testing.T) {
	trial := newTrial(&Env{}, "3", 1, Reference)
	if diff := cmp.Diff([]string{"row3-reference-1-0", "row3-reference-1-1"}, []string{trial.nextProfile(), trial.nextProfile()}); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestCloseHasTimeAfterAnInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	want := errors.New("it stays")
	err := Close(ctx, func(ctx context.Context) error {
		if _, limited := ctx.Deadline(); ctx.Err() != nil || !limited {
			t.Errorf("context has ended: %v; it has a deadline: %v", ctx.Err(), limited)
		}
		return want
	})
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func TestSidesAlternate(t *testing.T) {
	if diff := cmp.Diff([]Side{Ours, Reference}, order(0)); diff != "" {
		t.Errorf("first round (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Side{Reference, Ours}, order(1)); diff != "" {
		t.Errorf("second round (-want +got):\n%s", diff)
	}
}

func TestChoose(t *testing.T) {
	rows := []Row{{ID: "1"}, {ID: "2"}, {ID: "10"}}
	cases := map[string]struct {
		list    string
		want    []string
		wantErr string
	}{
		"all":                 {"", []string{"1", "2", "10"}, ""},
		"some, in that order": {"10, 1", []string{"10", "1"}, ""},
		"an unknown one":      {"1,7", nil, `-rows: there is no row "7"; there are 1, 2, 10`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			chosen, err := Choose(rows, c.list)
			var got []string
			for _, row := range chosen {
				got = append(got, row.ID)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			message := ""
			if err != nil {
				message = err.Error()
			}
			if diff := cmp.Diff(c.wantErr, message); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSumOfMetrics(t *testing.T) {
	families, err := parseMetrics([]byte(`# TYPE requests_total counter
requests_total{verb="POST",resource="pods"} 3
requests_total{verb="POST",resource="events"} 4
requests_total{verb="GET",resource="pods"} 5
# TYPE seconds histogram
seconds_bucket{le="+Inf"} 7
seconds_sum 2
seconds_count 7
`))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{
		"all":                  families.Sum("requests_total", nil),
		"POST":                 families.Sum("requests_total", map[string]string{"verb": "POST"}),
		"POST of Pods":         families.Sum("requests_total", map[string]string{"verb": "POST", "resource": "pods"}),
		"a label nobody has":   families.Sum("requests_total", map[string]string{"code": "200"}),
		"samples of histogram": families.Sum("seconds", nil),
		"no such metric":       families.Sum("other", nil),
	}
	want := map[string]float64{
		"all": 12, "POST": 7, "POST of Pods": 3, "a label nobody has": 0, "samples of histogram": 7, "no such metric": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sums (-want +got):\n%s", diff)
	}
}
