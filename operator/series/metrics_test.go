// SPDX-License-Identifier: Apache-2.0

package series

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/measured"
	"github.com/windlass-operator/windlass/operator/report"
)

var web, db = types.NamespacedName{Namespace: "shop", Name: "web"}, types.NamespacedName{Namespace: "shop", Name: "db"}

type values = map[string]float64

// expect compares the series of a metric.
func expect(t *testing.T, registry *prometheus.Registry, metric, when string, want values) {
	t.Helper()
	if diff := cmp.Diff(want, measured.SeriesOf(t, registry, metric)); diff != "" {
		t.Errorf("%s: %s (-want +got):\n%s", when, metric, diff)
	}
}

func TestAnObjectHasTheSeriesThatAreSetAndNoneWhenItIsGone(t *testing.T) {
	kind, registry := InNamespaces("statefulset"), prometheus.NewRegistry()
	one, each := kind.gauge("one", "One."), kind.gauge("each", "Each.", "reason")
	registry.MustRegister(one, each)
	one.Set(web, 1)
	one.Set(db, 2)
	each.SetEach(web, values{"A": 3, "B": 0})
	const webLabels, dbLabels = `namespace="shop",statefulset="web"`, `namespace="shop",statefulset="db"`
	expect(t, registry, "one", "set", values{webLabels: 1, dbLabels: 2})
	expect(t, registry, "each", "set", values{`namespace="shop",reason="A",statefulset="web"`: 3, `namespace="shop",reason="B",statefulset="web"`: 0})
	each.SetEach(web, values{"B": 4})
	expect(t, registry, "each", "A is no reason any more", values{`namespace="shop",reason="B",statefulset="web"`: 4})
	each.SetEach(web, nil)
	expect(t, registry, "each", "nor is any", values{})
	each.SetEach(web, values{"B": 4})
	one.Drop(db)
	expect(t, registry, "one", "one is dropped", values{webLabels: 1})
	kind.Forget(web)
	expect(t, registry, "one", "the object is gone", values{})
	expect(t, registry, "each", "the object is gone", values{})
}

func TestAKindWithoutNamespacesHasNoLabelForThem(t *testing.T) {
	kind, registry := OfCluster("sidecarset"), prometheus.NewRegistry()
	gauge := kind.gauge("one", "One.")
	registry.MustRegister(gauge)
	gauge.Set(types.NamespacedName{Name: "mesh"}, 1)
	expect(t, registry, "one", "set", values{`sidecarset="mesh"`: 1})
}

// A label of a status may be empty, and a scrape has to survive it.
func TestAFurtherLabelMayBeEmpty(t *testing.T) {
	kind, registry := OfCluster("sidecarset"), prometheus.NewRegistry()
	gauge := kind.gauge("waiting", "Waiting.", "reason")
	registry.MustRegister(gauge)
	gauge.SetEach(types.NamespacedName{Name: "mesh"}, map[string]float64{"": 2})
	expect(t, registry, "waiting", "set", values{`reason="",sidecarset="mesh"`: 2})
}

func TestTurnedOffNoObjectHasASeries(t *testing.T) {
	t.Cleanup(func() { off.Store(false) })
	kind, registry := OfCluster("sidecarset"), prometheus.NewRegistry()
	r := newRollouts(kind, "SidecarSets", "", kind.gauge)
	registry.MustRegister(r.pods, r.stalled, r.paused, r.phases, r.duration)
	SetEnabled(false)
	r.Show(web, report.Standing{PausedSince: &metav1.Time{}, Conditions: stalled("AutoPaused")}, map[string]int{"matched": 1})
	r.Count(web, report.Standing{Target: "a", Completed: "a"}, report.Standing{Target: "b", Completed: "a"}, time.Unix(0, 0))
	for _, metric := range []string{"windlass_sidecarset_pods", "windlass_sidecarset_stalled", "windlass_sidecarset_paused_timestamp_seconds"} {
		expect(t, registry, metric, "off", values{})
	}
	expect(t, registry, "windlass_sidecarset_rollouts_total", "off", values{`phase="started"`: 1, `phase="completed"`: 0, `phase="stalled"`: 0})
}

func stalled(reason string) []metav1.Condition {
	return []metav1.Condition{{Type: v1beta1.ConditionStalled, Status: metav1.ConditionTrue, Reason: reason}}
}

func TestARolloutIsShown(t *testing.T) {
	kind, registry := InNamespaces("statefulset"), prometheus.NewRegistry()
	r := newRollouts(kind, "StatefulSets", "", kind.gauge)
	registry.MustRegister(r.pods, r.stalled, r.paused)
	const labels = `namespace="shop",statefulset="web"`
	pods := func(state string) string { return `namespace="shop",state="` + state + `",statefulset="web"` }
	since := metav1.Unix(1000, 0)
	r.Show(web, report.Standing{PausedSince: &since, Conditions: stalled("AutoPaused")}, map[string]int{"wanted": 3, "limited": 0})
	expect(t, registry, "windlass_statefulset_pods", "counted", values{pods("wanted"): 3, pods("limited"): 0})
	expect(t, registry, "windlass_statefulset_stalled", "stalled", values{labels: 1})
	expect(t, registry, "windlass_statefulset_paused_timestamp_seconds", "paused", values{labels: 1000})
	r.Show(web, report.Standing{}, nil)
	expect(t, registry, "windlass_statefulset_pods", "nobody has counted", values{})
	expect(t, registry, "windlass_statefulset_stalled", "it goes on", values{})
	expect(t, registry, "windlass_statefulset_paused_timestamp_seconds", "it goes on", values{})
}

func TestPhasesAreCountedWhenTheyBegin(t *testing.T) {
	at := func(target, completed string, conditions ...metav1.Condition) report.Standing {
		return report.Standing{Target: target, Completed: completed, Conditions: conditions}
	}
	stuck := func(target, reason string) report.Standing { return at(target, "a", stalled(reason)...) }
	for name, test := range map[string]struct {
		before, after report.Standing
		want          values
	}{
		"a new set":              {at("", ""), at("a", "a"), values{}},
		"a new revision":         {at("a", "a"), at("b", "a"), values{`phase="started"`: 1}},
		"it goes on":             {at("b", "a"), at("b", "a"), values{}},
		"it gets stuck":          {at("b", "a"), stuck("b", "ProgressDeadlineExceeded"), values{`phase="stalled"`: 1}},
		"it rests after failure": {at("b", "a"), stuck("b", "AutoPaused"), values{`phase="stalled"`: 1}},
		"it stays stuck":         {stuck("b", "AutoPaused"), stuck("b", "AutoPaused"), values{}},
		"another revision":       {stuck("b", "AutoPaused"), at("c", "a"), values{`phase="started"`: 1}},
		"it is complete":         {at("b", "a"), at("b", "b"), values{`phase="completed"`: 1}},
		"it is given up":         {at("b", "a"), at("a", "a"), values{}},
	} {
		t.Run(name, func(t *testing.T) {
			kind, registry := InNamespaces("statefulset"), prometheus.NewRegistry()
			r := newRollouts(kind, "StatefulSets", "", kind.gauge)
			registry.MustRegister(r.phases)
			r.Count(web, test.before, test.after, time.Unix(0, 0))
			want := values{`phase="started"`: 0, `phase="completed"`: 0, `phase="stalled"`: 0}
			for phase, n := range test.want {
				want[phase] = n
			}
			expect(t, registry, "windlass_statefulset_rollouts_total", name, want)
		})
	}
}

func TestTheDurationOfARolloutIsCountedFromItsStart(t *testing.T) {
	kind := InNamespaces("statefulset")
	start := time.Unix(1000, 0)
	at := func(target, completed string) report.Standing {
		return report.Standing{Target: target, Completed: completed}
	}
	type step struct {
		object        types.NamespacedName
		before, after report.Standing
		after1000     time.Duration
		// forget: the object is deleted before.
		forget bool
	}
	for name, test := range map[string]struct {
		steps []step
		// want is how many durations are counted, sum what they are in all.
		want uint64
		sum  float64
	}{
		"from started to completed": {steps: []step{
			{object: web, before: at("a", "a"), after: at("b", "a")},
			{object: web, before: at("b", "a"), after: at("b", "b"), after1000: 90 * time.Second},
		}, want: 1, sum: 90},
		"another revision begins anew": {steps: []step{
			{object: web, before: at("a", "a"), after: at("b", "a")},
			{object: web, before: at("b", "a"), after: at("c", "a"), after1000: time.Minute},
			{object: web, before: at("c", "a"), after: at("c", "c"), after1000: 90 * time.Second},
		}, want: 1, sum: 30},
		"two objects at a time": {steps: []step{
			{object: web, before: at("a", "a"), after: at("b", "a")},
			{object: db, before: at("a", "a"), after: at("b", "a"), after1000: time.Minute},
			{object: web, before: at("b", "a"), after: at("b", "b"), after1000: 90 * time.Second},
			{object: db, before: at("b", "a"), after: at("b", "b"), after1000: 90 * time.Second},
		}, want: 2, sum: 120},
		"one that began before the program did": {steps: []step{
			{object: web, before: at("b", "a"), after: at("b", "b")},
		}},
		"one that was given up": {steps: []step{
			{object: web, before: at("a", "a"), after: at("b", "a")},
			{object: web, before: at("b", "a"), after: at("a", "a")},
			{object: web, before: at("b", "a"), after: at("b", "b")},
		}},
		"another object of the same name": {steps: []step{
			{object: web, before: at("a", "a"), after: at("b", "a")},
			{object: web, before: at("b", "a"), after: at("b", "b"), forget: true},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			r := newRollouts(kind, "StatefulSets", "", kind.gauge)
			registry.MustRegister(r.duration)
			for _, s := range test.steps {
				if s.forget {
					r.Forget(s.object)
				}
				r.Count(s.object, s.before, s.after, start.Add(s.after1000))
			}
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			got := families[0].GetMetric()[0].GetHistogram()
			if got.GetSampleCount() != test.want || got.GetSampleSum() != test.sum {
				t.Errorf("%d durations of %g s in all, want %d of %g s", got.GetSampleCount(), got.GetSampleSum(), test.want, test.sum)
			}
		})
	}
}
