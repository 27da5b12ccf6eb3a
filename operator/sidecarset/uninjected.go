// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"
	"time"

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

// matching is what is known of when a set began to select a Pod.
type matching struct {
	// Watched is when we began to watch: earlier changes are not known.
	Watched time.Time
	// Changed is when a label of the Pod or of its Namespace, or the set's selector, was last changed so that the set
	// selects the Pod; zero when it was not.
	Changed time.Time
}

// whyUninjected says why the Pod is without the sidecars. sets are all sets that select it, this one among them. The
// webhook is blamed only where nothing else is left: the set selected the Pod when it was created, and left no record
// in it.
func whyUninjected(set *sidecar.Set, pod *corev1.Pod, sets []*sidecar.Set, m matching) Uninjected {
	out := Uninjected{Pod: pod}
	obstacle, found := sidecar.ObstacleTo(pod, set, sets)
	if found {
		out.Obstacle = obstacle.Message
	}
	recorded, wasOmitted := sidecar.RecordedObstacle(pod, set.Name())
	created := pod.CreationTimestamp.Time
	switch {
	// A pause is about new Pods: it does not say how this one came to be without.
	case found && obstacle.Reason != v1beta1.ReasonInjectionPaused:
		out.Reason = obstacle.Reason
	case slices.Contains(sidecar.InjectedSets(pod.Annotations), set.Name()):
		out.Reason = v1beta1.ReasonContainersMissing
	case wasOmitted:
		out.Reason = recorded.Reason
	case !created.After(set.Object.CreationTimestamp.Time):
		out.Reason = v1beta1.ReasonCreatedBeforeSet
	case found:
		out.Reason = obstacle.Reason
	case !created.After(m.Changed):
		out.Reason = v1beta1.ReasonMatchedLater
	case !created.After(m.Watched):
		out.Reason = v1beta1.ReasonMissedOrMatchedLater
	default:
		out.Reason = v1beta1.ReasonWebhookMissed
	}
	return out
}

// missed reports whether the webhook may not have seen the Pod.
func (u Uninjected) missed() bool {
	return u.Reason == v1beta1.ReasonWebhookMissed || u.Reason == v1beta1.ReasonMissedOrMatchedLater
}
