// SPDX-License-Identifier: Apache-2.0

// Package series keeps the metrics that have a series for each object, and those that all kinds with rollouts have. No
// other package does: here an object that is gone is forgotten in all of its metrics at once, and they can be turned off.
package series

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// off tells that no object has a series.
var off atomic.Bool

// SetEnabled decides whether objects have series of their own, which is the default. Without them the number of series
// does not grow with that of the objects. It is to be called before the first object is looked at.
func SetEnabled(enabled bool) { off.Store(!enabled) }

// Kind are the gauges of the objects of one kind. Its methods may be called from many goroutines.
type Kind struct {
	label      string
	namespaced bool
	gauges     []*Gauge
}

// OfCluster is a kind without namespaces; label is the one that has the object's name.
func OfCluster(label string) *Kind { return &Kind{label: label} }

// InNamespaces is a kind in namespaces: its series have the label namespace besides.
func InNamespaces(label string) *Kind { return &Kind{label: label, namespaced: true} }

// Gauge makes and registers a gauge with a series for each object or, with further labels, for each object and value of
// these. It panics if there is one of this name already. A kind is not given another one once it is in use.
func (k *Kind) Gauge(name, help string, by ...string) *Gauge {
	g := k.gauge(name, help, by...)
	metrics.Registry.MustRegister(g)
	return g
}

func (k *Kind) gauge(name, help string, by ...string) *Gauge {
	labels := append([]string{k.label}, by...)
	if k.namespaced {
		labels = append([]string{"namespace"}, labels...)
	}
	g := &Gauge{
		description: prometheus.NewDesc(name, help, labels, nil), namespaced: k.namespaced, divided: len(by) > 0,
		values: map[types.NamespacedName]map[string]float64{},
	}
	k.gauges = append(k.gauges, g)
	return g
}

// Forget drops all series of an object that is gone.
func (k *Kind) Forget(object types.NamespacedName) {
	for _, g := range k.gauges {
		g.Drop(object)
	}
}

// Gauge is a metric whose series are those of objects.
type Gauge struct {
	description *prometheus.Desc
	namespaced  bool
	// divided tells that there is a further label.
	divided bool

	mu sync.Mutex
	// values are those of each object by the value of the further label; "" where there is none.
	values map[types.NamespacedName]map[string]float64
}

var _ prometheus.Collector = &Gauge{}

// Set is for a gauge without further labels.
func (g *Gauge) Set(object types.NamespacedName, value float64) {
	g.SetEach(object, map[string]float64{"": value})
}

// SetEach sets all series of an object by the value of the further label. Those that it had and that are not among them
// are dropped. The map is not to be changed afterwards.
func (g *Gauge) SetEach(object types.NamespacedName, values map[string]float64) {
	if len(values) == 0 || off.Load() {
		g.Drop(object)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.values[object] = values
}

// Drop leaves an object without a series.
func (g *Gauge) Drop(object types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.values, object)
}

// Describe sends the only description.
func (g *Gauge) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- g.description }

// Collect sends what is set.
func (g *Gauge) Collect(out chan<- prometheus.Metric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for object, values := range g.values {
		for by, value := range values {
			labels := []string{object.Name}
			if g.namespaced {
				labels = []string{object.Namespace, object.Name}
			}
			if g.divided {
				labels = append(labels, by)
			}
			out <- prometheus.MustNewConstMetric(g.description, prometheus.GaugeValue, value, labels...)
		}
	}
}
