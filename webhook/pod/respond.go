// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podpatch"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Audit annotations, which the API server prefixes with the webhook's name.
const (
	// auditInjected names the injected sets.
	auditInjected = "injected"
	// auditNotInjected names the sets that match and were not injected, each with the reason.
	auditNotInjected = "not-injected"
	// auditPatched names the SchedPatches that the Pod carries.
	auditPatched = "sched-patched"
	// auditNotPatched names the SchedPatches that are for the Pod and were not applied, each with the reason.
	auditNotPatched = "not-sched-patched"
)

// answer gathers what is said of one Pod.
type answer struct {
	operations          []jsonpatch.Operation
	labels, annotations map[string]string
	warnings            []string
	audit               map[string]string
}

// respond says what is injected and patched, and why what matches is not. A Pod that nothing matches gets no word.
func respond(pod *corev1.Pod, injection *sidecar.Injection, rules *scheduled) admission.Response {
	a := &answer{labels: map[string]string{}, annotations: map[string]string{}, audit: map[string]string{}}
	a.addInjection(pod, injection)
	a.addRules(pod, rules)
	a.operations = append(a.operations, addKeys(pod.Labels, a.labels, "metadata", "labels")...)
	a.operations = append(a.operations, addKeys(pod.Annotations, a.annotations, "metadata", "annotations")...)
	a.removeForged(pod, injection)
	response := admission.Allowed("")
	if len(a.operations) > 0 {
		response = admission.Patched("", a.operations...)
	}
	response.Warnings = a.warnings
	if len(a.audit) > 0 {
		response.AuditAnnotations = a.audit
	}
	return response
}

func (a *answer) addInjection(pod *corev1.Pod, injection *sidecar.Injection) {
	if injection == nil {
		return
	}
	a.warnings = append(a.warnings, injection.Warnings...)
	maps.Copy(a.annotations, injection.Annotations)
	if !injection.Empty() {
		maps.Copy(a.labels, injection.Labels)
		injections.Inc()
		a.operations = append(a.operations, patchInjection(pod, injection)...)
		a.audit[auditInjected] = strings.Join(injection.Sets, ",")
	}
	a.record(pod, injection.Obstacles)
	reasons := make([]string, 0, len(injection.Obstacles))
	for _, o := range injection.Obstacles {
		reasons = append(reasons, o.Set+": "+o.Message)
		if !o.Intended {
			a.warnings = append(a.warnings, o.String())
		}
	}
	a.say(auditNotInjected, reasons)
}

// record writes into the Pod what was left out, where there is room: the API server refuses a Pod whose annotations are
// too large.
func (a *answer) record(pod *corev1.Pod, obstacles []sidecar.Obstacle) {
	text, err := sidecar.ObstaclesText(obstacles)
	if err != nil || text == "" {
		return // a few texts always encode
	}
	a.annotations[v1beta1.SidecarSetOmittedAnnotation] = text
	if validation.ValidateAnnotationsSize(merged(pod.Annotations, a.annotations)) != nil {
		delete(a.annotations, v1beta1.SidecarSetOmittedAnnotation)
	}
}

func merged(a, b map[string]string) map[string]string {
	out := make(map[string]string, len(a)+len(b))
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// removeForged takes out of the Pod what is not true of it: records of sets that it does not have, and one of obstacles
// that the webhook has not written anew.
func (a *answer) removeForged(pod *corev1.Pod, injection *sidecar.Injection) {
	var keys []string
	if injection != nil {
		keys = slices.Clone(injection.Removed)
	}
	_, there := pod.Annotations[v1beta1.SidecarSetOmittedAnnotation]
	if _, written := a.annotations[v1beta1.SidecarSetOmittedAnnotation]; there && !written {
		keys = append(keys, v1beta1.SidecarSetOmittedAnnotation)
	}
	for _, key := range keys {
		a.operations = append(a.operations, jsonpatch.NewOperation("remove", podpatch.Pointer("metadata", "annotations", key), nil))
	}
}

func (a *answer) addRules(pod *corev1.Pod, rules *scheduled) {
	if rules == nil {
		return
	}
	if applied := rules.applied(); len(applied) > 0 {
		a.operations = append(a.operations, patchRules(pod, &rules.rules)...)
		annotation, labels := schedpatch.Marks(pod.Annotations, rules.results)
		a.annotations[v1beta1.SchedPatchesAnnotation] = annotation
		maps.Copy(a.labels, labels)
		a.audit[auditPatched] = strings.Join(applied, ",")
	}
	reasons := make([]string, 0, len(rules.obstacles))
	for _, o := range rules.obstacles {
		reasons = append(reasons, o.patch+": "+o.reason)
		if !o.intended {
			a.warnings = append(a.warnings, fmt.Sprintf("SchedPatch %s is not applied because %s", o.patch, o.reason))
		}
	}
	a.say(auditNotPatched, reasons)
}

func (a *answer) say(key string, reasons []string) {
	if len(reasons) > 0 {
		a.audit[key] = strings.Join(reasons, "; ")
	}
}
