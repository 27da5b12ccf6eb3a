package pod

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Audit annotations, which the API server prefixes with the webhook's name.
const (
	// auditInjected names the injected sets.
	auditInjected = "injected"
	// auditNotInjected names the sets that match and were not injected, each
	// with the reason.
	auditNotInjected = "not-injected"
	// auditPatched names the SchedPatches that the Pod carries.
	auditPatched = "sched-patched"
	// auditNotPatched names the SchedPatches that are for the Pod and were not
	// applied, each with the reason.
	auditNotPatched = "not-sched-patched"
)

// answer gathers what is said of one Pod.
type answer struct {
	operations  []jsonpatch.Operation
	annotations map[string]string
	warnings    []string
	audit       map[string]string
}

// respond says what is injected and patched, and why what matches is not. A Pod
// that nothing matches gets no word.
func respond(pod *corev1.Pod, injection *sidecar.Injection, rules *scheduled) admission.Response {
	a := &answer{annotations: map[string]string{}, audit: map[string]string{}}
	a.addInjection(pod, injection)
	a.addRules(pod, rules)
	a.operations = append(a.operations, addKeys(pod.Annotations, a.annotations, "metadata", "annotations")...)
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
	if !injection.Empty() {
		injections.Inc()
		a.operations = append(a.operations, patchInjection(pod, injection)...)
		maps.Copy(a.annotations, injection.Annotations)
		a.audit[auditInjected] = strings.Join(injection.Sets, ",")
	}
	omitted := slices.Clone(injection.Omitted)
	slices.SortFunc(omitted, func(a, b sidecar.Omission) int { return cmp.Compare(a.Set, b.Set) })
	reasons := make([]string, 0, len(omitted))
	for _, o := range omitted {
		reasons = append(reasons, o.Set+": "+o.Reason)
		if !o.Intended {
			a.warnings = append(a.warnings, fmt.Sprintf("SidecarSet %s is not injected because %s", o.Set, o.Reason))
		}
	}
	a.say(auditNotInjected, reasons)
}

func (a *answer) addRules(pod *corev1.Pod, rules *scheduled) {
	if rules == nil {
		return
	}
	if applied := rules.applied(); len(applied) > 0 {
		a.operations = append(a.operations, patchRules(pod, &rules.rules)...)
		annotation, labels := schedpatch.Marks(pod.Annotations, rules.results)
		a.annotations[v1beta1.SchedPatchesAnnotation] = annotation
		a.operations = append(a.operations, addKeys(pod.Labels, labels, "metadata", "labels")...)
		a.audit[auditPatched] = strings.Join(applied, ",")
	}
	reasons := make([]string, 0, len(rules.omitted))
	for _, o := range rules.omitted {
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
