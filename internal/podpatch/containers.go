// SPDX-License-Identifier: Apache-2.0

package podpatch

import (
	"slices"
	"strconv"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// Image gives a container or a native sidecar another image. A container that the Pod does not have is passed over.
func (p *Patch) Image(name, image string) *Patch {
	c := pods.Find(p.pod, name)
	if c == nil || c.Image == image {
		return p
	}
	path := containerPath(c, "image")
	p.containers = append(p.containers, test(containerPath(c, "name"), name), test(path, c.Image), set(path, image))
	return p
}

// Resources gives a container or a native sidecar the amounts that are named; those that are not stay as they are, since
// a running Pod can lose none. A container that the Pod does not have is passed over. A patch with resources must be
// sent to the resize subresource, and may hold nothing else.
func (p *Patch) Resources(name string, to corev1.ResourceRequirements) *Patch {
	c := pods.Find(p.pod, name)
	if c == nil {
		return p
	}
	changes := slices.Concat(
		amounts(containerPath(c, "resources", "requests"), c.Resources.Requests, to.Requests),
		amounts(containerPath(c, "resources", "limits"), c.Resources.Limits, to.Limits),
	)
	if len(changes) > 0 {
		p.containers = append(p.containers, test(containerPath(c, "name"), name))
		p.containers = append(p.containers, changes...)
	}
	return p
}

// amounts changes requests or limits, of which there may be none at all.
func amounts(path string, seen, wanted corev1.ResourceList) []jsonpatch.Operation {
	var out []jsonpatch.Operation
	for _, name := range sortedNames(wanted) {
		before, exists := seen[name]
		at := path + Pointer(string(name))
		switch {
		case exists && before.Cmp(wanted[name]) == 0:
			continue
		case exists:
			out = append(out, test(at, before))
		case len(seen) > 0:
			out = append(out, absent(at))
		}
		out = append(out, set(at, wanted[name]))
	}
	if len(out) > 0 && len(seen) == 0 {
		return []jsonpatch.Operation{absent(path), set(path, wanted)}
	}
	return out
}

func sortedNames(amounts corev1.ResourceList) []corev1.ResourceName {
	names := make([]corev1.ResourceName, 0, len(amounts))
	for name := range amounts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func containerPath(c *pods.Container, fields ...string) string {
	return Pointer(append([]string{"spec", c.List, strconv.Itoa(c.Index)}, fields...)...)
}
