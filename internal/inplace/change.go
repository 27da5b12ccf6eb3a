// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// Change is what is to change in a running Pod: what separates two templates, or two versions of a SidecarSet. Containers
// are named whether they are containers or native sidecars.
type Change struct {
	// Images are the new images by container.
	Images map[string]string
	// Resources are, by container, the amounts of cpu and memory that change. Amounts that are not named stay as they
	// are.
	Resources map[string]corev1.ResourceRequirements
	// ResizeRestarts are the containers of Resources that the kubelet restarts to give them what changes, as their
	// resizePolicy asks.
	ResizeRestarts []string
	// ResizeRefused are the API server's words where it has said that the Pod's node can never give it Resources: then those
	// are recorded as owed, and everything else is changed. "" elsewhere.
	ResizeRefused string
	// Labels and Annotations are set; those that are nil are removed.
	Labels, Annotations map[string]*string
	// AddFinalizers and RemoveFinalizers change the Pod's finalizers.
	AddFinalizers, RemoveFinalizers []string
	// Restart are the containers that must start anew, since their environment reads a label or an annotation that
	// changes and they read it only once, with the image that the template gives them. Those whose image changes anyway
	// are not among them.
	Restart map[string]string
}

// Empty reports whether there is nothing to change but the revision's name.
func (c Change) Empty() bool {
	return len(c.Images)+len(c.Resources)+len(c.Labels)+len(c.Annotations)+
		len(c.AddFinalizers)+len(c.RemoveFinalizers)+len(c.Restart) == 0
}

// RestartsContainers reports whether making the change in a Pod stops a container of it, so that traffic must be
// drained first.
func (c Change) RestartsContainers(pod *corev1.Pod) bool {
	for name, image := range c.Images {
		if pods.Image(pod, name) != image {
			return true
		}
	}
	return len(c.Restart) > 0 || len(c.ResizeRestarts) > 0 && c.ResizeRefused == ""
}

// containers are all that the change touches, sorted.
func (c Change) containers() []string {
	names := slices.Collect(maps.Keys(c.Images))
	names = slices.AppendSeq(names, maps.Keys(c.Restart))
	return union(slices.AppendSeq(names, maps.Keys(c.Resources)), nil)
}

// merge adds a later change, which wins where both change the same.
func (c Change) merge(later Change) Change {
	out := Change{
		Images: merged(c.Images, later.Images), Resources: map[string]corev1.ResourceRequirements{},
		Labels: merged(c.Labels, later.Labels), Annotations: merged(c.Annotations, later.Annotations),
		Restart:          merged(c.Restart, later.Restart),
		ResizeRestarts:   union(c.ResizeRestarts, later.ResizeRestarts),
		ResizeRefused:    later.ResizeRefused,
		AddFinalizers:    union(without(c.AddFinalizers, later.RemoveFinalizers), later.AddFinalizers),
		RemoveFinalizers: union(without(c.RemoveFinalizers, later.AddFinalizers), later.RemoveFinalizers),
	}
	for _, from := range []map[string]corev1.ResourceRequirements{c.Resources, later.Resources} {
		for name, resources := range from {
			out.Resources[name] = withAmounts(out.Resources[name], resources)
		}
	}
	for name := range out.Images {
		delete(out.Restart, name)
	}
	return out
}
