// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/operator/series"
)

var (
	objects     = series.InNamespaces("schedpatch")
	skippedPods = objects.Gauge("windlass_schedpatch_skipped_pods",
		"Live Pods that were created without a SchedPatch that should have got it. A SchedPatch that has none has no series.")

	expiredDeleted = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "windlass_schedpatch_expired_deleted_total",
		Help: "SchedPatches of controllers that were deleted because they had expired.",
	})
)

func init() {
	metrics.Registry.MustRegister(expiredDeleted)
}

func observe(key types.NamespacedName, status *v1alpha1.SchedPatchStatus) {
	if status.SkippedPods == 0 {
		skippedPods.Drop(key)
		return
	}
	skippedPods.Set(key, float64(status.SkippedPods))
}
