// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podsecuritypolicy "k8s.io/pod-security-admission/policy"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/selectors"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/admit"
	"github.com/windlass-operator/windlass/webhook/inert"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
)

// Revisions knows what SidecarSets were before.
type Revisions interface {
	// Exists reports whether the set has a revision of this name or, when the name is empty, one with this custom
	// version.
	Exists(set *v1beta1.SidecarSet, revisionName, customVersion string) bool
}

// Input is everything that a SidecarSet is validated by.
type Input struct {
	// Set is the SidecarSet to validate; Old is what it was, nil for a new one.
	Set, Old *v1beta1.SidecarSet
	// Base is the set that a canary stands in for, nil when there is none.
	Base *v1beta1.SidecarSet
	// Stored are the other sets.
	Stored *Stored
	// Revisions are not asked when nil.
	Revisions Revisions
	// Namespaces are those of the cluster; Excluded names the ones whose Pods are never injected.
	Namespaces []*corev1.Namespace
	Excluded   []string
	// Policy is the administrator's, Patches the rules for annotations of Pods, and PatchesErr why those could not be
	// read.
	Policy     policy.Policy
	Patches    policy.PatchRules
	PatchesErr error
	// Protecting are the PodDisruptionBudgets that allow none now and cover Pods of the set.
	Protecting []string
	// Taken are the Pods that the set is not injected into because of the names of its containers.
	Taken Taken
	// Unknown says which fields of containers and volumes are not known, Dropped which ones a client took out that does
	// not know them.
	Unknown, Dropped []string
	// PodSecurity evaluates Pod Security levels.
	PodSecurity podsecuritypolicy.Evaluator
}

// Validate says what is wrong with a SidecarSet. What looks beyond the set is only asked when the set by itself is
// right.
func Validate(input Input) admit.Result {
	set := input.Set
	if errs := ValidateFields(set); len(errs) > 0 {
		return admit.Result{Errors: errs}
	}
	compiled, err := sidecar.Compile(set)
	if err != nil {
		return admit.Result{Errors: field.ErrorList{field.InternalError(field.NewPath("spec"), err)}}
	}
	result := admit.Result{Warnings: slices.Concat(
		input.Dropped, inert.UnknownWarnings(input.Unknown), ownWarnings(set), envWarnings(&set.Spec),
		unservedWarnings(input, compiled), runningWarnings(compiled, input.Old),
		availabilityWarnings(input), lifecycleWarnings(compiled, input.Old), takenWarnings(input.Taken),
	)}
	if input.Old != nil {
		result.Errors = append(result.Errors, ValidateUpdate(set, input.Old)...)
	}
	result.Errors = append(result.Errors, ValidateCanary(set, input.Base)...)
	result.Errors = append(result.Errors, validateRevision(set, input.Revisions)...)
	conflicts, known := validateConflicts(input)
	denied, warned := validatePolicy(input, compiled)
	result.Errors = slices.Concat(result.Errors, conflicts, denied)
	result.Warnings = slices.Concat(result.Warnings, known, warned)
	if input.PodSecurity != nil {
		result.Warnings = append(result.Warnings, podSecurityWarnings(input.PodSecurity, &set.Spec, injected(input, compiled))...)
	}
	return result
}

// validateRevision: a pin to a revision that does not exist would leave new Pods without their sidecars.
func validateRevision(set *v1beta1.SidecarSet, revisions Revisions) field.ErrorList {
	revision := set.Spec.InjectionStrategy.Revision
	if revision == nil || revisions == nil {
		return nil
	}
	name, customVersion := pinned(revision)
	if revisions.Exists(set, name, customVersion) {
		return nil
	}
	path := field.NewPath("spec", "injectionStrategy", "revision")
	if name != "" {
		return field.ErrorList{field.Invalid(path.Child("revisionName"), name, "this SidecarSet has no revision of this name")}
	}
	return field.ErrorList{field.Invalid(path.Child("customVersion"), customVersion,
		"this SidecarSet has no revision with this custom version")}
}

// validateConflicts refuses conflicts that the change brings, and warns of those that the set had already.
func validateConflicts(input Input) (errs field.ErrorList, warnings []string) {
	now, err := Conflicts(input.Set, input.Stored)
	if err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("spec"), err)}, nil
	}
	var before []Conflict
	if input.Old != nil && len(now) > 0 {
		// A stored set whose selectors cannot be understood is for no Pod.
		before, _ = Conflicts(input.Old, input.Stored)
	}
	brought, known := splitConflicts(now, before)
	for _, conflict := range brought {
		errs = append(errs, conflict.Error())
	}
	for _, conflict := range known {
		warnings = append(warnings, "stored with a conflict: "+conflict.Error().Error())
	}
	return errs, warnings
}

// validatePolicy refuses what the policy denies, and warns of the rest that it does not allow.
func validatePolicy(input Input, compiled *sidecar.Set) (errs field.ErrorList, warnings []string) {
	violations := input.Policy.Validate(policy.Input{
		Set: input.Set, Patches: input.Patches, PatchesErr: input.PatchesErr,
		Reaches: func(name string) bool { return reaches(compiled, name, input.Namespaces) },
	})
	for _, violation := range violations {
		if violation.Action == policy.Deny {
			errs = append(errs, violation.Error())
		} else {
			warnings = append(warnings, violation.Warning())
		}
	}
	return errs, warnings
}

// reaches reports whether the set is for a namespace. One that does not exist yet may come with any labels.
func reaches(set *sidecar.Set, name string, namespaces []*corev1.Namespace) bool {
	for _, namespace := range namespaces {
		if namespace.Name == name {
			return set.MatchesNamespace(name, namespace.Labels)
		}
	}
	own, err := reachOf(set.Object)
	return err == nil && own.namespaces.Overlap(selectors.Namespace(name))
}

// injected lists the namespaces whose Pods the set is injected into.
func injected(input Input, set *sidecar.Set) []*corev1.Namespace {
	var out []*corev1.Namespace
	for _, namespace := range input.Namespaces {
		if inert.Unserved(namespace, input.Excluded) != "" {
			continue
		}
		if set.MatchesNamespace(namespace.Name, namespace.Labels) {
			out = append(out, namespace)
		}
	}
	return out
}

// ownWarnings names what a set says without effect.
func ownWarnings(set *v1beta1.SidecarSet) []string {
	var out []string
	own, err := reachOf(set)
	if err == nil && own.pods.MatchesNothing() {
		out = append(out, "spec.selector: contradicts itself, so that no Pod can ever match")
	}
	if err == nil && own.namespaces.MatchesNothing() {
		out = append(out, "spec.namespaceSelector: contradicts itself, so that no namespace can ever match")
	}
	if set.Spec.Namespace != "" && set.Spec.NamespaceSelector != nil {
		out = append(out, fmt.Sprintf("spec.namespaceSelector: has no effect beside spec.namespace, which is %q", set.Spec.Namespace))
	}
	sidecars := sidecarsOf(&set.Spec)
	return slices.Concat(out, sharedWarnings(&set.Spec, sidecars), transferWarnings(sidecars), patchWarnings(set.Spec.PatchPodMetadata))
}

// sharedWarnings names mounts that count on the Pod's own volumes.
func sharedWarnings(spec *v1beta1.SidecarSetSpec, sidecars []located) []string {
	var out []string
	has := func(name string) bool {
		return slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
	}
	for _, c := range sidecars {
		for i := range c.VolumeMounts {
			if name := c.VolumeMounts[i].Name; !has(name) {
				out = append(out, fmt.Sprintf("%s: volume %q is not in spec.volumes: every Pod must have it, or it is refused",
					c.path.Child("volumeMounts").Index(i), name))
			}
		}
	}
	return out
}
