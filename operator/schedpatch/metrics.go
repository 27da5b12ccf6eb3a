// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

var (
	skippedPods = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "windlass_schedpatch_skipped_pods",
		Help: "Live Pods that were created without a SchedPatch that should have got it. A SchedPatch that has none has no series.",
	}, []string{"namespace", "schedpatch"})

	expiredDeleted = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "windlass_schedpatch_expired_deleted_total",
		Help: "SchedPatches of controllers that were deleted because they had expired.",
	})
)

func init() {
	metrics.Registry.MustRegister(skippedPods, expiredDeleted)
}

func observe(key types.NamespacedName, status *v1alpha1.SchedPatchStatus) {
	if status.SkippedPods == 0 {
		forgetMetrics(key)
		return
	}
	skippedPods.WithLabelValues(key.Namespace, key.Name).Set(float64(status.SkippedPods))
}

func forgetMetrics(key types.NamespacedName) {
	skippedPods.DeleteLabelValues(key.Namespace, key.Name)
}
