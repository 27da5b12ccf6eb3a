// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Version is which version of a SidecarSet a Pod has.
type Version struct {
	Namespace  string `json:"namespace"`
	Pod        string `json:"pod"`
	SidecarSet string `json:"sidecarSet"`
	// Revision is the recorded one, "" where none is.
	Revision string `json:"revision,omitempty"`
	// Current: it is the set's current version.
	Current bool `json:"current"`
	// UnderWay: the kubelet has not carried it out yet.
	UnderWay bool `json:"underWay,omitempty"`
	// Images are those of the sidecars in the Pod, as container=image.
	Images []string `json:"images"`
}

// Versions lists which Pods have which version of a set.
func Versions(set *sidecar.Set, list []*corev1.Pod, revisions []*appsv1.ControllerRevision) []Version {
	out, decoder := []Version{}, sidecar.NewDecoder(set)
	for _, pod := range list {
		view := decoder.View(pod)
		if pods.Ended(pod) || !view.Injected(set.Name()) {
			continue
		}
		v := Version{
			Namespace: pod.Namespace, Pod: pod.Name, SidecarSet: set.Name(), Revision: view.RevisionIn(revisions),
			Current: view.Updated(), UnderWay: !view.CarriedOut(),
		}
		if v.Current {
			v.Revision = cmp.Or(set.Revision, v.Revision)
		}
		for _, name := range set.SidecarNames {
			for _, inPod := range []string{name, name + "-1", name + "-2"} { // hot upgrades have two containers
				if image := pods.Image(pod, inPod); image != "" {
					v.Images = append(v.Images, inPod+"="+image)
				}
			}
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Version) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod))
	})
	return out
}
