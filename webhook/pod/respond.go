package pod

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Audit annotations, which the API server prefixes with the webhook's name.
const (
	// auditInjected names the injected sets.
	auditInjected = "injected"
	// auditNotInjected names the sets that match and were not injected, each
	// with the reason.
	auditNotInjected = "not-injected"
)

// respond says what is injected, and why what matches is not. A Pod that
// nothing matches gets no word.
func respond(pod *corev1.Pod, injection *sidecar.Injection) admission.Response {
	response := admission.Allowed("")
	if !injection.Empty() {
		injections.Inc()
		response = admission.Patched("", patch(pod, injection)...)
	}
	response.Warnings = injection.Warnings
	audit := map[string]string{}
	if len(injection.Sets) > 0 {
		audit[auditInjected] = strings.Join(injection.Sets, ",")
	}
	omitted := slices.Clone(injection.Omitted)
	slices.SortFunc(omitted, func(a, b sidecar.Omission) int { return cmp.Compare(a.Set, b.Set) })
	reasons := make([]string, 0, len(omitted))
	for _, o := range omitted {
		reasons = append(reasons, o.Set+": "+o.Reason)
		if !o.Intended {
			response.Warnings = append(response.Warnings, fmt.Sprintf("SidecarSet %s is not injected because %s", o.Set, o.Reason))
		}
	}
	if len(reasons) > 0 {
		audit[auditNotInjected] = strings.Join(reasons, "; ")
	}
	if len(audit) > 0 {
		response.AuditAnnotations = audit
	}
	return response
}
