// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

var (
	writes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_statefulset_writes_total",
		Help: "What StatefulSets had done to Pods and claims, by result: created and deleted (Pods), updated (a Pod changed in place), " +
			"changed (any other write to a Pod that stays), claimed (a claim changed), owned (a Pod adopted or released), " +
			"failed (the API server refused), stale (the object had changed; it is planned anew).",
	}, []string{"result"})

	rollouts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_statefulset_rollouts_total",
		Help: "How often the rollout of a StatefulSet got to a phase: started (there is a new revision), completed " +
			"(every Pod is at it and available), " +
			"stalled (it cannot go on without a person; it may do so several times).",
	}, []string{"phase"})

	stalled = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "windlass_statefulset_stalled",
		Help: "1 for every StatefulSet that cannot go on without a person. Others have no series.",
	}, []string{"namespace", "statefulset"})
)

func init() {
	metrics.Registry.MustRegister(writes, rollouts, stalled)
}

// observe counts what came of a plan.
func observe(outcome *Outcome) {
	updated := len(updatedInPlace(outcome))
	for result, n := range map[string]int{
		"created": len(outcome.Created), "deleted": len(outcome.Deleted),
		"updated": updated, "changed": len(outcome.Changed) - updated,
		"claimed": len(outcome.Claimed), "owned": len(outcome.Owned),
		"failed": len(outcome.CreateErrors) + len(outcome.changeErrors()), "stale": outcome.Stale,
	} {
		writes.WithLabelValues(result).Add(float64(n))
	}
}

// observePhase counts the phases that a written status brings.
func observePhase(set *v1beta1.StatefulSet, status *v1beta1.StatefulSetStatus) {
	before := &set.Status
	rolling := func(s *v1beta1.StatefulSetStatus) bool { return s.CurrentRevision != s.UpdateRevision }
	if rolling(status) && status.UpdateRevision != before.UpdateRevision {
		rollouts.WithLabelValues("started").Inc()
	}
	if rolling(before) && !rolling(status) {
		rollouts.WithLabelValues("completed").Inc()
	}
	if isStalled(status) && !isStalled(before) {
		rollouts.WithLabelValues("stalled").Inc()
	}
}

// observeStalled reports whether a set is stalled, whether that was written or not.
func observeStalled(set types.NamespacedName, status *v1beta1.StatefulSetStatus) {
	if isStalled(status) {
		stalled.WithLabelValues(set.Namespace, set.Name).Set(1)
	} else {
		forgetMetrics(set)
	}
}

func isStalled(status *v1beta1.StatefulSetStatus) bool {
	return meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionStalled)
}

// forgetMetrics drops the series of a set.
func forgetMetrics(set types.NamespacedName) {
	stalled.DeleteLabelValues(set.Namespace, set.Name)
}
