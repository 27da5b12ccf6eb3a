// SPDX-License-Identifier: Apache-2.0

package v1beta1

// Keys by which people steer Windlass.
const (
	// InjectionLabel on a Namespace is InjectionEnforced or InjectionDisabled. Without it, Pods are created also when
	// the webhook does not answer, and the ones that it missed are reported.
	InjectionLabel = "apps.kruise.io/injection"
	// SidecarInjectionKey, "false" as label or annotation of a Pod, keeps all sidecars out of it.
	SidecarInjectionKey = "apps.kruise.io/sidecar-injection"
	// ReplacedBySidecarAnnotation names, on a Pod and joined by commas, containers of its own that a sidecar of the
	// same name may replace. Without it a set with such a container is left out of the Pod.
	ReplacedBySidecarAnnotation = "apps.kruise.io/replaced-by-sidecar"
	// SidecarSetOmittedAnnotation holds, on a Pod and as JSON by set name, why sets that match the Pod were left out
	// when it was created: reason, message and the revision of the set. Only the webhook writes it, and only when it
	// left one out.
	SidecarSetOmittedAnnotation = "apps.kruise.io/sidecarset-omitted"
	// SkipRemediationAnnotation on a Pod, a StatefulSet or a Node, with any value but "false", keeps auto remediation
	// away from it.
	SkipRemediationAnnotation = "apps.kruise.io/skip-remediation"
)

// Values of InjectionLabel.
const (
	// InjectionEnforced refuses Pods while the webhook does not answer, and those that it fails to inject.
	InjectionEnforced = "enforced"
	// InjectionDisabled keeps the webhook away from the namespace.
	InjectionDisabled = "disabled"
)

// Keys of SchedPatches and of the Pods that they patch.
const (
	// SchedPatchesAnnotation lists, on a Pod, the patches that it carries: <name>@<hash>, joined by commas.
	SchedPatchesAnnotation = "apps.kruise.io/sched-patches"
	// SchedPatchLabelPrefix is followed by the name of a patch, or by a hash of the name where that is too long. The
	// value is the hash of the patch.
	SchedPatchLabelPrefix = "sched-patch.apps.kruise.io/"
	// RemediationExclusionsAnnotation holds, as JSON on the SchedPatch of a StatefulSet's auto remediation, the
	// excluded nodes, each with reason, time first seen, expiry and strike count.
	RemediationExclusionsAnnotation = "apps.kruise.io/remediation-exclusions"
)
