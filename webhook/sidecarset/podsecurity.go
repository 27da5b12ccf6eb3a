// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	podsecurity "k8s.io/pod-security-admission/api"
	podsecuritypolicy "k8s.io/pod-security-admission/policy"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// warnedNamespaces is for how many namespaces Pod Security is warned of.
const warnedNamespaces = 5

// podSecurityWarnings names the namespaces whose enforced Pod Security level the sidecars violate, with the control.
// Pods there would be refused after the injection, because the API server validates them last. The sidecars are checked
// alone: what a Pod as a whole sets, such as runAsNonRoot, is not known yet.
func podSecurityWarnings(evaluator podsecuritypolicy.Evaluator, spec *v1beta1.SidecarSetSpec, namespaces []*corev1.Namespace) []string {
	pod := versionedPod(sidecar.Default(spec))
	violated := map[podsecurity.LevelVersion]string{}
	var out []string
	affected := 0
	for _, namespace := range byName(namespaces) {
		enforced, ok := enforcedLevel(namespace)
		if !ok {
			continue
		}
		violation, known := violated[enforced]
		if !known {
			violation = violations(evaluator.EvaluatePod(enforced, &metav1.ObjectMeta{}, pod))
			violated[enforced] = violation
		}
		if violation == "" {
			continue
		}
		if affected++; affected <= warnedNamespaces {
			out = append(out, fmt.Sprintf("namespace %q enforces Pod Security %q, which refuses Pods with these sidecars: %s",
				namespace.Name, enforced.Level, violation))
		}
	}
	if more := affected - warnedNamespaces; more > 0 {
		out = append(out, fmt.Sprintf("and %d more namespaces enforce a Pod Security level that refuses Pods with these sidecars", more))
	}
	return out
}

// enforcedLevel reads a namespace's label; false when there is nothing to violate. An unknown level counts as
// restricted, as it does for the API server.
func enforcedLevel(namespace *corev1.Namespace) (podsecurity.LevelVersion, bool) {
	if namespace.Labels[podsecurity.EnforceLevelLabel] == "" {
		return podsecurity.LevelVersion{}, false
	}
	privileged := podsecurity.LevelVersion{Level: podsecurity.LevelPrivileged, Version: podsecurity.LatestVersion()}
	evaluated, _ := podsecurity.PolicyToEvaluate(namespace.Labels, podsecurity.Policy{Enforce: privileged, Audit: privileged,
		Warn: privileged})
	return evaluated.Enforce, evaluated.Enforce.Level != podsecurity.LevelPrivileged
}

// violations writes the controls that refuse, or "".
func violations(results []podsecuritypolicy.CheckResult) string {
	var out []string
	for _, result := range results {
		if result.Allowed {
			continue
		}
		control := result.ForbiddenReason
		if result.ForbiddenDetail != "" {
			control += " (" + result.ForbiddenDetail + ")"
		}
		out = append(out, control)
	}
	return strings.Join(out, ", ")
}

// versionedPod makes the Pod that the sidecars alone would be, with the volumes that they mount: no other is injected.
func versionedPod(spec *v1beta1.SidecarSetSpec) *corev1.PodSpec {
	out := &corev1.PodSpec{}
	mounted := map[string]bool{}
	for _, c := range sidecarsOf(spec) {
		if c.init {
			out.InitContainers = append(out.InitContainers, c.Container)
		} else {
			out.Containers = append(out.Containers, c.Container)
		}
		for i := range c.VolumeMounts {
			mounted[c.VolumeMounts[i].Name] = true
		}
		for i := range c.VolumeDevices {
			mounted[c.VolumeDevices[i].Name] = true
		}
	}
	for i := range spec.Volumes {
		if mounted[spec.Volumes[i].Name] {
			out.Volumes = append(out.Volumes, spec.Volumes[i])
		}
	}
	return out
}

func byName(namespaces []*corev1.Namespace) []*corev1.Namespace {
	return slices.SortedFunc(slices.Values(namespaces), func(a, b *corev1.Namespace) int { return cmp.Compare(a.Name, b.Name) })
}
