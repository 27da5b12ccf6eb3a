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
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
)

// Facts is everything that a SchedPatch is judged on.
type Facts struct {
	// Patch is the SchedPatch to judge, Namespace the one it is in.
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

// Verdict is what the writer of a SchedPatch is told.
type Verdict struct {
	// Errors refuse the patch.
	Errors field.ErrorList
	// Warnings are said in either case.
	Warnings []string
}

// Judge judges a SchedPatch.
func Judge(facts Facts) Verdict {
	spec := &facts.Patch.Spec
	return Verdict{
		Errors: slices.Concat(
			schedpatch.Validate(facts.Patch),
			ValidateTolerations(spec.Tolerations, facts.AllowedTolerations, field.NewPath("spec", "tolerations")),
		),
		Warnings: slices.Concat(reachWarnings(facts), endWarnings(facts), tolerationWarnings(spec.Tolerations), prospectWarnings(facts)),
	}
}

// reachWarnings: a patch in a namespace that the webhooks do not serve would be waited for in vain.
func reachWarnings(facts Facts) []string {
	name := facts.Namespace.Name
	switch {
	case slices.Contains(facts.Excluded, name):
		return []string{fmt.Sprintf("metadata.namespace: new Pods of namespace %s are not seen by the webhooks, so this SchedPatch has no effect: "+
			"the namespace is one of the cluster's or Windlass' own, or listed in the chart's value webhook.excludedNamespaces", name)}
	case facts.Namespace.Labels[v1beta1.InjectionLabel] == v1beta1.InjectionDisabled:
		return []string{fmt.Sprintf("metadata.namespace: new Pods of namespace %s are not seen by the webhooks, so this SchedPatch has no effect: "+
			"the namespace is labelled %s=%s", name, v1beta1.InjectionLabel, v1beta1.InjectionDisabled)}
	default:
		return nil
	}
}

// endWarnings: an end in the past is no error, because Git may apply a patch again long after it.
func endWarnings(facts Facts) []string {
	spec := &facts.Patch.Spec
	end, ends := schedpatch.ExpiresAt(facts.Patch)
	if !ends || facts.Now.Before(&end) {
		return nil
	}
	if spec.ExpiresAt != nil {
		return []string{fmt.Sprintf("spec.expiresAt: %s is over, so no new Pod is patched", end.UTC().Format(time.RFC3339))}
	}
	return []string{fmt.Sprintf("spec.ttlSeconds: %d seconds after its creation are over, so no new Pod is patched", *spec.TTLSeconds)}
}
