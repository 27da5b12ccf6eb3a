// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podready"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Snapshot is all that a decision about one Pod rests on. The Pod is live.
type Snapshot struct {
	// Now is the time of the snapshot.
	Now time.Time
	Pod *corev1.Pod
	// Left are the SidecarSets that hold the Pod, or have asked a hook about it, and will never see to it any more.
	Left []string
}

// Plan is what to write to the Pod.
type Plan struct {
	// Condition is what KruisePodReady is to be, nil to leave it.
	Condition *corev1.PodCondition
	// Lifecycle is what the annotation apps.kruise.io/sidecarset-lifecycle is to say, "" to remove it; nil to leave it.
	Lifecycle *string
	// Reason says why, "" for nothing to do. LookIn is when to look again though nothing happens, 0 for never.
	Reason string
	LookIn time.Duration
}

// whileHeld is how often a Pod is looked at that a SidecarSet keeps from being Ready: that the set goes is no change of
// the Pod.
const whileHeld = 10 * time.Second

// isOurs reports whether a Pod carries sidecars and has the gate, or what a SidecarSet may have left.
func isOurs(pod *corev1.Pod) bool {
	return podready.Gated(pod) && len(sidecar.InjectedSets(pod.Annotations)) > 0 || len(sidecar.OpenUpdates(pod)) > 0
}

func makePlan(s *Snapshot) (*Plan, error) {
	p := &Plan{}
	if podready.Gated(s.Pod) {
		p.condition(s)
	}
	if len(s.Left) > 0 {
		text, err := sidecar.WithoutLifecycle(s.Pod, s.Left)
		if err != nil {
			return nil, err
		}
		if text != s.Pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation] {
			p.Lifecycle = &text
		}
		p.Reason = "SidecarSets that left something in the Pod are gone: " + strings.Join(s.Left, ", ")
	}
	if len(sidecar.OpenUpdates(s.Pod)) > len(s.Left) {
		p.LookIn = whileHeld
	}
	return p, nil
}

// condition plans the first word about a new Pod, and that holds of sets that are gone end. What others hold stays.
func (p *Plan) condition(s *Snapshot) {
	left := func(h podready.Hold) bool {
		return h.UserAgent == v1beta1.SidecarSetReadinessAgent && slices.Contains(s.Left, h.Key)
	}
	has := pods.Condition(s.Pod, v1beta1.KruisePodReadyCondition)
	if has != nil && !slices.ContainsFunc(podready.Holds(s.Pod), left) {
		return
	}
	wanted := podready.Condition(s.Pod, podready.Without(s.Pod, left), metav1.NewTime(s.Now))
	p.Condition = &wanted
	if has == nil {
		p.Reason = fmt.Sprintf("it is new, and nothing keeps it from being Ready: condition %s", wanted.Type)
	}
}
