// SPDX-License-Identifier: Apache-2.0

package podpatch

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// Unchanged lets the API server refuse the patch if anything about the Pod has changed since, its status included. It is
// for what anything may make untrue: a kubelet writes often.
func (p *Patch) Unchanged() *Patch {
	p.preconditions = append(p.preconditions, test("/metadata/resourceVersion", p.pod.ResourceVersion))
	return p
}

// StillNotReady lets the API server refuse the patch of a Pod that was not Ready if it may be by now: if its Ready
// condition is another one, or, for a Pod that had none, its phase. Whatever else the kubelet writes does not get in the
// way. What keeps a Pod that is Ready from serving may show anywhere in it, so that one has to be Unchanged.
func (p *Patch) StillNotReady() *Patch {
	if pods.IsTrue(pods.Condition(p.pod, corev1.PodReady)) {
		return p.Unchanged()
	}
	for i := range p.pod.Status.Conditions {
		if c := &p.pod.Status.Conditions[i]; c.Type == corev1.PodReady {
			at := []string{"status", "conditions", strconv.Itoa(i)}
			p.preconditions = append(p.preconditions,
				test(Pointer(append(at, "type")...), c.Type), test(Pointer(append(at, "status")...), c.Status))
			return p
		}
	}
	p.preconditions = append(p.preconditions, test("/status/phase", p.pod.Status.Phase))
	return p
}
