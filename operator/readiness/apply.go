// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podpatch"
	"github.com/windlass-operator/windlass/operator/apply"
)

// executor carries plans out.
type executor struct{ writer apply.Writer }

// apply writes to a Pod, if it is as it was seen: whatever has changed it brings the next look.
func (e *executor) apply(ctx context.Context, pod *corev1.Pod, plan *Plan) error {
	if plan.Condition != nil {
		err := apply.Conditions(ctx, e.writer, pod, []corev1.PodCondition{*plan.Condition}, false)
		if apply.IsStale(err) {
			return nil
		}
		if err != nil {
			return apply.Wrap(err, "set condition %s of Pod %s/%s", plan.Condition.Type, pod.Namespace, pod.Name)
		}
	}
	if plan.Lifecycle == nil {
		return nil
	}
	patch := podpatch.New(pod)
	if *plan.Lifecycle == "" {
		patch.RemoveAnnotation(v1beta1.SidecarSetLifecycleAnnotation)
	} else {
		patch.Annotation(v1beta1.SidecarSetLifecycleAnnotation, *plan.Lifecycle)
	}
	err := apply.Pod(ctx, e.writer, pod, "", patch)
	if apply.IsStale(err) {
		return nil
	}
	return apply.Wrap(err, "change Pod %s/%s", pod.Namespace, pod.Name)
}
