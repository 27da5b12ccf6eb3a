// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/webhook/admit"
	"github.com/windlass-operator/windlass/webhook/inert"
)

// Input is everything that Validate looks at.
type Input struct {
	// Patch is the SchedPatch, Namespace the one it is in.
	Patch     *v1alpha1.SchedPatch
	Namespace *corev1.Namespace
	// AllowedTolerations are the administrator's; see ValidateTolerations.
	AllowedTolerations []string
	// Excluded names the namespaces whose Pods are never patched.
	Excluded []string
	// Around is what the patch meets in the cluster, as far as it is known.
	Around Around
	// Now is the time.
	Now metav1.Time
}

// Validate says what the writer of a SchedPatch is told.
func Validate(input Input) admit.Result {
	spec := &input.Patch.Spec
	return admit.Result{
		Errors: slices.Concat(
			schedpatch.Validate(input.Patch),
			ValidateTolerations(spec.Tolerations, input.AllowedTolerations, field.NewPath("spec", "tolerations")),
		),
		Warnings: slices.Concat(reachWarnings(input), endWarnings(input), tolerationWarnings(spec.Tolerations), effectWarnings(input)),
	}
}

// reachWarnings: a patch in a namespace that the webhooks do not serve would be waited for in vain.
func reachWarnings(input Input) []string {
	why := inert.Unserved(input.Namespace, input.Excluded)
	if why == "" {
		return nil
	}
	return []string{fmt.Sprintf("metadata.namespace: new Pods of namespace %s are not seen by the webhooks, so this SchedPatch "+
		"has no effect: the namespace %s", input.Namespace.Name, why)}
}

// endWarnings: an end in the past is no error, because Git may apply a patch again long after it.
func endWarnings(input Input) []string {
	spec := &input.Patch.Spec
	end, ends := schedpatch.ExpiresAt(input.Patch)
	if !ends || input.Now.Before(&end) {
		return nil
	}
	if spec.ExpiresAt != nil {
		return []string{fmt.Sprintf("spec.expiresAt: %s is over, so no new Pod is patched", end.UTC().Format(time.RFC3339))}
	}
	return []string{fmt.Sprintf("spec.ttlSeconds: %d seconds after its creation are over, so no new Pod is patched", *spec.TTLSeconds)}
}
