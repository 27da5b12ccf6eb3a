package sidecarset

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Why a Pod that a set selects does not hold its sidecars.
const (
	// ReasonOptedOut: the Pod refuses injection by label or annotation.
	ReasonOptedOut = "OptedOut"
	// ReasonCreatedBeforeSet: the Pod is older than the set.
	ReasonCreatedBeforeSet = "CreatedBeforeSet"
	// ReasonContainersMissing: injected, but the set has got containers since
	// that the Pod does not have.
	ReasonContainersMissing = "ContainersMissing"
	// ReasonInjectionPaused: the set injects into no new Pods for now.
	ReasonInjectionPaused = "InjectionPaused"
	// ReasonNotEvictable: repairPolicy Recreate cannot help, since no controller
	// would make the Pod again.
	ReasonNotEvictable = "NotEvictable"
	// ReasonMissed: the webhook did not see the Pod's creation, because it was
	// down or out of reach.
	ReasonMissed = "WebhookMissed"
)

// whyUninjected names the reason; the first that holds.
func whyUninjected(set *sidecar.Set, pod *corev1.Pod) string {
	switch {
	case sidecar.OptedOut(pod):
		return ReasonOptedOut
	case sidecar.Look(pod).Injected(set.Name()):
		return ReasonContainersMissing
	case pod.CreationTimestamp.Before(&set.Object.CreationTimestamp):
		return ReasonCreatedBeforeSet
	case set.Spec.InjectionStrategy.Paused:
		return ReasonInjectionPaused
	}
	return ReasonMissed
}
