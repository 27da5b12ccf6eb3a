package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Why a set that matches a Pod is not injected, as a clause after "because".
const (
	reasonOptedOut = "the Pod opts out: its label or annotation " + v1beta1.SidecarInjectionKey + ` is "false"`
	reasonPaused   = "its spec.injectionStrategy.paused is true"
)

// admit keeps the sets that may be injected into the Pod. Nothing is said about
// one that the Pod carries already: the webhook may be called twice for a Pod.
func admit(pod *corev1.Pod, sets []*sidecar.Set) (admitted []*sidecar.Set, omitted []sidecar.Omission) {
	optedOut := sidecar.OptedOut(pod)
	carried := sidecar.InjectedSets(pod.Annotations)
	for _, set := range sets {
		reason := ""
		switch {
		case optedOut:
			reason = reasonOptedOut
		case set.Spec.InjectionStrategy.Paused:
			reason = reasonPaused
		default:
			admitted = append(admitted, set)
			continue
		}
		if !slices.Contains(carried, set.Name()) {
			omitted = append(omitted, sidecar.Omission{Set: set.Name(), Reason: reason})
		}
	}
	return admitted, omitted
}
