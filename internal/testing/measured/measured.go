// SPDX-License-Identifier: Apache-2.0

// Package measured reads metrics as a program would serve them.
package measured

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// Series are all series of a metric that the program serves, by their labels as `name="value",...` in the order of the
// labels' names. Of a histogram it is how often something was observed.
func Series(t testing.TB, metric string) map[string]float64 {
	t.Helper()
	return SeriesOf(t, metrics.Registry, metric)
}

// SeriesOf are those that somebody else serves.
func SeriesOf(t testing.TB, from prometheus.Gatherer, metric string) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range families {
		if family.GetName() != metric {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, label := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			slices.Sort(labels)
			out[strings.Join(labels, ",")] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// About are the metrics of the program that have a series with this value of a label, such as the name of an object.
func About(t testing.TB, value string) (names []string) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetValue() == value {
					names = append(names, family.GetName())
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
