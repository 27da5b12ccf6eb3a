// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Uninjected is a Pod without the sidecars that it should have.
type Uninjected struct {
	Pod *corev1.Pod
	// Reason is one of the constants of api/v1beta1.
	Reason string
	// Obstacle says what would keep the sidecars out of a Pod that is made in its place too, "" when nothing is known
	// to do so.
	Obstacle string
}

// whyUninjected says why the Pod is without the sidecars. sets are all sets that select it, this one among them.
func whyUninjected(set *sidecar.Set, pod *corev1.Pod, sets []*sidecar.Set, m sidecar.Matching) Uninjected {
	reason, obstacle := sidecar.WhyMissing(pod, set, sets, m)
	return Uninjected{Pod: pod, Reason: reason, Obstacle: obstacle}
}

// missed reports whether the webhook may not have seen the Pod.
func (u Uninjected) missed() bool {
	return u.Reason == v1beta1.ReasonWebhookMissed || u.Reason == v1beta1.ReasonMissedOrMatchedLater
}
