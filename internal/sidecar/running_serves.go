// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
)

// Serves reports whether a Pod serves, and goes on to: it is Running and Ready, does not terminate, and no change of it
// in place, by whatever SidecarSet or StatefulSet, is unfinished, nor about to come after a hook. A Pod that was just
// written to is still Ready for the second that its kubelet takes to stop a container.
func Serves(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pods.Ready(pod) && !prepared(pod) && !changing(pod) && !anyUnderWay(pod, "") &&
		len(OpenUpdates(pod)) == 0
}

// Serves is Serves of the View's Pod.
func (v *View) Serves() bool { return v.serves }

// ChangedByOthers reports whether a change in place that was not the set's is unfinished in the Pod, or is prepared: by
// another SidecarSet or by a StatefulSet. A resize that the kubelet does not make keeps nobody waiting.
func (v *View) ChangedByOthers() bool { return v.changedByOthers }

func (v *View) othersChange() bool {
	if v.serves {
		return false
	}
	return prepared(v.Pod) || changing(v.Pod) || anyUnderWay(v.Pod, v.set.Name()) ||
		slices.ContainsFunc(OpenUpdates(v.Pod), func(name string) bool { return name != v.set.Name() })
}

// prepared reports whether the Pod's StatefulSet is about to change it in place: as soon as a hook lets go, and without
// asking anybody again.
func prepared(pod *corev1.Pod) bool {
	return open[v1beta1.LifecycleStateType(pod.Labels[v1beta1.LifecycleStateLabel])]
}

// changing reports whether the kubelet is about a change by the Pod's StatefulSet. A resize that it holds back stops
// nothing.
func changing(pod *corev1.Pod) bool {
	words, onlyResize := inplace.Awaited(pod)
	return words != "" && !(onlyResize && inplace.Answered(pod).Held())
}

// anyUnderWay reports whether the kubelet is about what an update of some SidecarSet wrote. A resize that is still to be
// written does not count: the API server may refuse it for good. except is a set that is not asked about. It is asked
// about many Pods whose updates are long done: nothing is decoded while the Pod shows that.
func anyUnderWay(pod *corev1.Pod, except string) bool {
	text := pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation]
	if text == "" || inplace.RunsItsImages(pod) && !strings.Contains(text, `"resized`) {
		return false
	}
	r := records{Pod: pod}
	updates := r.entries(v1beta1.SidecarSetInPlaceUpdateStateAnnotation)
	for name := range updates {
		if name == except {
			continue
		}
		record := updates.update(name)
		held := r.runsImages(record) && inplace.HeldResize(pod).Held()
		if !held && !r.carriesOut(record) {
			return true
		}
	}
	return false
}
