// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/series"
)

var (
	deletions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_remediation_deletions_total",
		Help: "Stuck Pods that were deleted, by verdict: Node (the node is at fault), Probe (it may be; the Pod is tried elsewhere once), " +
			"None (the Pod found no node under an exclusion that was over).",
	}, []string{"verdict"})

	gateHeld = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "windlass_remediation_gates_total",
		Help: "How often something began to stand against the replacement of a stuck Pod, by reason: a gate, or AllNodesFailing.",
	}, []string{"reason"})
)

var (
	objects    = series.InNamespaces("statefulset")
	exclusions = objects.Gauge("windlass_remediation_excluded_nodes",
		"Nodes that are excluded for a StatefulSet now. One without exclusions has no series.")
)

func init() {
	metrics.Registry.MustRegister(deletions, gateHeld)
	// An increase is only seen from a number: what there are alerts on begins at 0.
	for _, reason := range alerted() {
		gateHeld.WithLabelValues(reason)
	}
}

// alerted are the reasons that somebody is woken for: they are not about one Pod.
func alerted() []string {
	out := []string{v1beta1.ReasonAllNodesFailing}
	for i := range gates {
		if gates[i].wholeCluster {
			out = append(out, gates[i].reason)
		}
	}
	return out
}

func observeDeletion(d *Deletion) { deletions.WithLabelValues(string(d.Diagnosis)).Inc() }

// observeExclusions counts the exclusions in force.
func observeExclusions(s *Snapshot, plan *Plan) {
	key := types.NamespacedName{Namespace: s.Set.Namespace, Name: s.Set.Name}
	if n := len(plan.Record.actives(s.Now)); n > 0 {
		exclusions.Set(key, float64(n))
		return
	}
	exclusions.Drop(key)
}
