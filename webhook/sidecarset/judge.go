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
	"github.com/windlass-operator/windlass/webhook/inert"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
)

// Revisions knows what SidecarSets were before.
type Revisions interface {
	// Exists reports whether the set has a revision of this name or, when the name is empty, one with this custom
	// version.
	Exists(set *v1beta1.SidecarSet, revisionName, customVersion string) bool
}

// Facts is everything that a SidecarSet is judged on.
type Facts struct {
	// Set is the SidecarSet to judge; Old is what it was, nil for a new one.
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
	// Policy is the administrator's, Patches the rules for annotations of Pods, and PatchesFault why those could not be
	// read.
	Policy       policy.Policy
	Patches      policy.PatchRules
	PatchesFault error
	// Unknown says which fields of containers and volumes are not known.
	Unknown []string
	// PodSecurity judges by Pod Security levels.
	PodSecurity podsecuritypolicy.Evaluator
}

// Verdict is what the writer of a SidecarSet is told.
type Verdict struct {
	// Errors refuse the set.
	Errors field.ErrorList
	// Warnings are said in either case.
	Warnings []string
}

// Judge judges a SidecarSet. What looks beyond the set is only asked when the set by itself is right.
func Judge(facts Facts) Verdict {
	set := facts.Set
	if errs := Validate(set); len(errs) > 0 {
		return Verdict{Errors: errs}
	}
	compiled, err := sidecar.Compile(set)
	if err != nil {
		return Verdict{Errors: field.ErrorList{field.InternalError(field.NewPath("spec"), err)}}
	}
	verdict := Verdict{Warnings: slices.Concat(
		inert.UnknownWarnings(facts.Unknown), ownWarnings(set), envWarnings(&set.Spec), unservedWarnings(facts, compiled), runningWarnings(compiled, facts.Old),
	)}
	if facts.Old != nil {
		verdict.Errors = append(verdict.Errors, ValidateUpdate(set, facts.Old)...)
	}
	verdict.Errors = append(verdict.Errors, ValidateCanary(set, facts.Base)...)
	verdict.Errors = append(verdict.Errors, validateRevision(set, facts.Revisions)...)
	verdict.judgeConflicts(facts)
	verdict.judgePolicy(facts, compiled)
	if facts.PodSecurity != nil {
		verdict.Warnings = append(verdict.Warnings, podSecurityWarnings(facts.PodSecurity, &set.Spec, injected(facts, compiled))...)
	}
	return verdict
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
	return field.ErrorList{field.Invalid(path.Child("customVersion"), customVersion, "this SidecarSet has no revision with this custom version")}
}

// judgeConflicts refuses conflicts that the change brings, and warns of those that the set had already.
func (v *Verdict) judgeConflicts(facts Facts) {
	now, err := Conflicts(facts.Set, facts.Stored)
	if err != nil {
		v.Errors = append(v.Errors, field.InternalError(field.NewPath("spec"), err))
		return
	}
	var before []Conflict
	if facts.Old != nil && len(now) > 0 {
		// A stored set whose selectors cannot be understood is for no Pod.
		before, _ = Conflicts(facts.Old, facts.Stored)
	}
	brought, known := splitConflicts(now, before)
	for _, conflict := range brought {
		v.Errors = append(v.Errors, conflict.Error())
	}
	for _, conflict := range known {
		v.Warnings = append(v.Warnings, "stored with a conflict: "+conflict.Error().Error())
	}
}

func (v *Verdict) judgePolicy(facts Facts, compiled *sidecar.Set) {
	violations := facts.Policy.Judge(policy.Subject{
		Set: facts.Set, Patches: facts.Patches, PatchesFault: facts.PatchesFault,
		Reaches: func(name string) bool { return reaches(compiled, name, facts.Namespaces) },
	})
	for _, violation := range violations {
		if violation.Action == policy.Deny {
			v.Errors = append(v.Errors, violation.Error())
		} else {
			v.Warnings = append(v.Warnings, violation.Warning())
		}
	}
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
func injected(facts Facts, set *sidecar.Set) []*corev1.Namespace {
	var out []*corev1.Namespace
	for _, namespace := range facts.Namespaces {
		if namespace.Labels[v1beta1.InjectionLabel] == v1beta1.InjectionDisabled || slices.Contains(facts.Excluded, namespace.Name) {
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
				out = append(out, fmt.Sprintf("%s: volume %q is not in spec.volumes: every Pod must have it, or it is refused", c.path.Child("volumeMounts").Index(i), name))
			}
		}
	}
	return out
}
