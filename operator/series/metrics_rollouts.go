// SPDX-License-Identifier: Apache-2.0

package series

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// Phases of rollouts, as the metric has them.
const (
	phaseStarted   = "started"
	phaseCompleted = "completed"
	phaseStalled   = "stalled"
)

// phaseOf is the phase that an event for people tells of. A rollout that is told of is one that is counted.
var phaseOf = map[string]string{
	report.EventRolloutStarted:   phaseStarted,
	report.EventRolloutCompleted: phaseCompleted,
	report.EventRolloutStalled:   phaseStalled,
	report.EventAutoPaused:       phaseStalled,
}

// Rollouts are the metrics of a kind whose objects are rolled out. Its methods may be called from many goroutines.
type Rollouts struct {
	kind     *Kind
	pods     *Gauge
	stalled  *Gauge
	paused   *Gauge
	phases   *prometheus.CounterVec
	duration prometheus.Histogram

	mu sync.Mutex
	// began is when the rollout of an object began that is under way. What began before the program did is not known.
	began map[types.NamespacedName]time.Time
}

// NewRollouts makes and registers them. plural is what people call the objects, and states says which Pods are counted.
func NewRollouts(kind *Kind, plural, states string) *Rollouts {
	r := newRollouts(kind, plural, states, kind.Gauge)
	metrics.Registry.MustRegister(r.phases, r.duration)
	return r
}

func newRollouts(kind *Kind, plural, states string, gauge func(name, help string, by ...string) *Gauge) *Rollouts {
	prefix := "windlass_" + kind.label + "_"
	r := &Rollouts{
		kind:    kind,
		pods:    gauge(prefix+"pods", "Pods of "+plural+" by state; one Pod may be in several: "+states, "state"),
		stalled: gauge(prefix+"stalled", "1 for each of the "+plural+" that cannot go on without a person. Others have no series."),
		paused: gauge(prefix+"paused_timestamp_seconds",
			"Since when the rollout of each of the "+plural+" is paused, in seconds since 1970. Others have no series."),
		phases: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "rollouts_total",
			Help: "How often the rollout of one of the " + plural + " got to a phase: started (there is a new revision for running Pods), " +
				"completed (no Pod is left that could follow), stalled (it cannot go on without a person; it may do so several times).",
		}, []string{"phase"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "rollout_duration_seconds",
			Help: "How long rollouts of " + plural + " took from started to completed, pauses and stops included. " +
				"Those that began under an earlier leader, or were given up for another revision, are not counted.",
			Buckets: []float64{10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400},
		}),
		began: map[types.NamespacedName]time.Time{},
	}
	// An increase is only seen from a number.
	for _, phase := range []string{phaseStarted, phaseCompleted, phaseStalled} {
		r.phases.WithLabelValues(phase)
	}
	return r
}

// Show brings the series of an object up to date with how it stands. pods are its Pods by state, nil when nobody has
// counted them.
func (r *Rollouts) Show(object types.NamespacedName, now report.Standing, pods map[string]int) {
	states := make(map[string]float64, len(pods))
	for state, n := range pods {
		states[state] = float64(n)
	}
	r.pods.SetEach(object, states)
	if meta.IsStatusConditionTrue(now.Conditions, v1beta1.ConditionStalled) {
		r.stalled.Set(object, 1)
	} else {
		r.stalled.Drop(object)
	}
	if now.PausedSince != nil {
		r.paused.Set(object, float64(now.PausedSince.Unix()))
	} else {
		r.paused.Drop(object)
	}
}

// Count counts the phases that a written status brings, and how long a rollout took that it completes.
func (r *Rollouts) Count(object types.NamespacedName, before, after report.Standing, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before.Target != after.Target {
		delete(r.began, object)
	}
	for _, event := range report.Transition(before, after) {
		phase, ok := phaseOf[event.Reason]
		if !ok {
			continue
		}
		r.phases.WithLabelValues(phase).Inc()
		began, known := r.began[object]
		switch {
		case phase == phaseStarted:
			r.began[object] = at
		case phase == phaseCompleted && known:
			r.duration.Observe(at.Sub(began).Seconds())
			delete(r.began, object)
		}
	}
}

// Forget drops all that is kept of an object that is gone.
func (r *Rollouts) Forget(object types.NamespacedName) {
	r.kind.Forget(object)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.began, object)
}
