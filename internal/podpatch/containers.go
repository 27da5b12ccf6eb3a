// SPDX-License-Identifier: Apache-2.0

package podpatch

import (
	"slices"
	"strconv"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/jsonpointer"
)

// Image gives the container of a name, found at an index of the list containers or initContainers, another image.
func (p *Patch) Image(list string, index int, name, from, to string) *Patch {
	if from == to {
		return p
	}
	path := containerPath(list, index, "image")
	p.containers = append(p.containers, test(containerPath(list, index, "name"), name), test(path, from), set(path, to))
	return p
}

// Resources gives a container the amounts in to; amounts that to does not name stay as they are, since a running Pod
// can lose none. A patch with resources must be sent to the resize subresource, and may hold nothing else.
func (p *Patch) Resources(list string, index int, name string, from, to corev1.ResourceRequirements) *Patch {
	changes := slices.Concat(
		amounts(containerPath(list, index, "resources", "requests"), from.Requests, to.Requests),
		amounts(containerPath(list, index, "resources", "limits"), from.Limits, to.Limits),
	)
	if len(changes) > 0 {
		p.containers = append(p.containers, test(containerPath(list, index, "name"), name))
		p.containers = append(p.containers, changes...)
	}
	return p
}

// amounts changes requests or limits, of which there may be none at all.
func amounts(path string, seen, wanted corev1.ResourceList) []jsonpatch.Operation {
	var out []jsonpatch.Operation
	for _, name := range sortedNames(wanted) {
		before, exists := seen[name]
		at := path + jsonpointer.Path(string(name))
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

func containerPath(list string, index int, fields ...string) string {
	return jsonpointer.Path(append([]string{"spec", list, strconv.Itoa(index)}, fields...)...)
}
