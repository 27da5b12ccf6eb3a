// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// listed is how many allowed values a sentence names at most: an admission warning is cut off where it gets long.
const listed = 5

// Input is a SidecarSet to validate and what has to be known for it.
type Input struct {
	Set *v1beta1.SidecarSet
	// Reaches reports whether the set is for Pods of the namespace of this name.
	Reaches func(namespace string) bool
	// Patches are the rules for annotations of Pods.
	Patches PatchRules
	// PatchesErr is why the rules could not be read, if they could not.
	PatchesErr error
}

// Violation is something that a policy does not allow.
type Violation struct {
	// Policy is the name of the policy, as the chart's values have it.
	Policy string
	// Action is Warn or Deny.
	Action Action
	// Path is the field at fault.
	Path *field.Path
	// Sentence says what is wrong, and what is allowed.
	Sentence string
}

// Error is the refusal of a violation.
func (v Violation) Error() *field.Error {
	return field.Forbidden(v.Path, fmt.Sprintf("policy %s: %s", v.Policy, v.Sentence))
}

// Warning is the admission warning of a violation.
func (v Violation) Warning() string {
	return fmt.Sprintf("%s: policy %s: %s", v.Path, v.Policy, v.Sentence)
}

// Validate returns what the policy does not allow, in the order of the policies and, within one, of the fields.
func (p *Policy) Validate(input Input) []Violation {
	set := input.Set
	return slices.Concat(
		found("sidecarSet.policy.images", p.Images.Action, p.Images.validate(&set.Spec)),
		found("sidecarSet.policy.namespaces", p.Namespaces.Action, p.Namespaces.validate(&set.Spec, input.Reaches)),
		found("sidecarSet.policy.privileged", p.Privileged.Action, privileged(&set.Spec)),
		found("sidecarSet.policy.hostPaths", p.HostPaths.Action, p.HostPaths.validate(&set.Spec)),
		found("sidecarSet.policy.hostPorts", p.HostPorts.Action, hostPorts(&set.Spec)),
		found("sidecarSet.policy.capabilities", p.Capabilities.Action, p.Capabilities.validate(&set.Spec)),
		found("sidecarSet.patchPodMetadata", p.PodAnnotations.Action, annotations(input)),
	)
}

// finding is what one rule finds.
type finding struct {
	path     *field.Path
	sentence string
}

func found(policy string, action Action, findings []finding) []Violation {
	if action == Allow {
		return nil
	}
	out := make([]Violation, 0, len(findings))
	for _, f := range findings {
		out = append(out, Violation{policy, action, f.path, f.sentence})
	}
	return out
}

func (n Namespaces) validate(spec *v1beta1.SidecarSetSpec, reaches func(string) bool) []finding {
	var out []finding
	path := field.NewPath("spec", "namespaceSelector")
	if spec.Namespace != "" {
		path = field.NewPath("spec", "namespace")
	}
	for _, namespace := range n.Protected {
		if reaches(namespace) {
			out = append(out, finding{path, fmt.Sprintf("reaches namespace %q, where no SidecarSet may inject: leave it out "+
				"(kubernetes.io/metadata.name NotIn)", namespace)})
		}
	}
	return out
}

func annotations(input Input) []finding {
	var out []finding
	set := input.Set
	for i := range set.Spec.PatchPodMetadata {
		path := field.NewPath("spec", "patchPodMetadata").Index(i).Child("annotations")
		for _, key := range slices.Sorted(maps.Keys(set.Spec.PatchPodMetadata[i].Annotations)) {
			if input.Patches.Allow(set.Labels, key) {
				continue
			}
			sentence := fmt.Sprintf("no rule of ConfigMap %s (%s) lets this SidecarSet patch annotation %q", ConfigMapName, PatchRulesKey, key)
			if input.PatchesErr != nil {
				sentence += fmt.Sprintf("; the rules cannot be read: %v", input.PatchesErr)
			}
			out = append(out, finding{path.Key(key), sentence})
		}
	}
	return out
}

// list writes the first few values, or "none".
func list(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	out := strings.Join(values[:min(len(values), listed)], ", ")
	if more := len(values) - listed; more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}
