// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Matching is what is known of when a set began to select a Pod.
type Matching struct {
	// Watched is when somebody began to watch: earlier changes are not known.
	Watched time.Time
	// Changed is when a label of the Pod or of its Namespace, or the set's selector, was last changed so that the set
	// selects the Pod; zero when it was not.
	Changed time.Time
}

// WhyMissing says why a Pod that the set selects is without the sidecars: one of the constants of api/v1beta1. obstacle
// says what would keep the sidecars out of a Pod that is made in its place too, "" when nothing is known to do so. sets
// are all sets that select the Pod, this one among them. The webhook is blamed only where nothing else is left: the set
// selected the Pod when it was created, and left no record in it.
func WhyMissing(pod *corev1.Pod, set *Set, sets []*Set, m Matching) (reason, obstacle string) {
	inTheWay, found := ObstacleTo(pod, set, sets)
	if found {
		obstacle = inTheWay.Message
	}
	recorded, wasOmitted := RecordedObstacle(pod, set.Name())
	created := pod.CreationTimestamp.Time
	switch {
	// A pause is about new Pods: it does not say how this one came to be without.
	case found && inTheWay.Reason != v1beta1.ReasonInjectionPaused:
		reason = inTheWay.Reason
	case slices.Contains(InjectedSets(pod.Annotations), set.Name()):
		reason = v1beta1.ReasonContainersMissing
	case wasOmitted:
		reason = recorded.Reason
	case !created.After(set.Object.CreationTimestamp.Time):
		reason = v1beta1.ReasonCreatedBeforeSet
	case found:
		reason = inTheWay.Reason
	case !created.After(m.Changed):
		reason = v1beta1.ReasonMatchedLater
	case !created.After(m.Watched):
		reason = v1beta1.ReasonMissedOrMatchedLater
	default:
		reason = v1beta1.ReasonWebhookMissed
	}
	return reason, obstacle
}
