// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/operator/report"
)

// unfinished says what a change of a Pod in place still waits for. A kubelet's answer that it does not make a resize ends
// the wait: then nothing is unfinished, and the answer is what limits the Pod. Not so where a container is restarted
// once the kubelet makes a resize that it has put off, nor while it tries and fails, and not where podUpdatePolicy lets
// the Pod be made anew on another node.
func (s *Snapshot) unfinished(v *View) (words string, limited inplace.ResizeAnswer) {
	words, onlyResize := inplace.Awaited(v.Pod)
	answer := inplace.HeldResize(v.Pod)
	switch {
	case !onlyResize:
	case answer.Infeasible() && s.strategy().PodUpdatePolicy != v1beta1.InPlaceIfPossiblePodUpdatePolicy:
		return "", answer
	case answer.Deferred() && s.restartsLater(v):
		words += report.RestartsLater
	case answer.Deferred():
		return "", answer
	}
	return words, inplace.ResizeAnswer{}
}

// restartsLater reports whether a container of a Pod is restarted once its kubelet makes a resize that it has put off. The
// template of its revision says so; where that cannot be read, one may be.
func (s *Snapshot) restartsLater(v *View) bool {
	for _, r := range s.Revisions {
		if r.Object.Name != v.Revision || r.Template == nil {
			continue
		}
		spec := &r.Template.Spec
		for i := range spec.InitContainers {
			if inplace.RestartsAt(v.Pod, spec.InitContainers[i].Name, spec.InitContainers[i].ResizePolicy) {
				return true
			}
		}
		for i := range spec.Containers {
			if inplace.RestartsAt(v.Pod, spec.Containers[i].Name, spec.Containers[i].ResizePolicy) {
				return true
			}
		}
		return false
	}
	return true
}
