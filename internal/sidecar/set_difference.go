// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
)

// Difference is how a set's version differs from an earlier one, as far as running Pods are concerned.
type Difference struct {
	// Fixed are the paths of the changed fields that cannot change in a running Pod, sorted. When there is none, the
	// Pod can be updated in place.
	Fixed []string
	// Resized names the containers whose cpu or memory changes.
	Resized []string
}

// InPlace reports whether a running Pod can take the change.
func (d Difference) InPlace() bool { return len(d.Fixed) == 0 }

// DifferenceFrom compares the set's current version with what an earlier revision recorded. Like the hashes it looks at
// the containers that stay in a Pod: containers and native sidecars.
func (s *Set) DifferenceFrom(data []byte) (Difference, error) {
	spec, err := specOf(data)
	if err != nil {
		return Difference{}, err
	}
	return s.DifferenceFromSpec(spec), nil
}

// DifferenceFromSpec does so with another spec.
func (s *Set) DifferenceFromSpec(spec *v1beta1.SidecarSetSpec) Difference {
	d := Difference{}
	d.compare("spec.containers", spec.Containers, s.Object.Spec.Containers)
	d.compare("spec.initContainers", nativeOnly(spec.InitContainers), nativeOnly(s.Object.Spec.InitContainers))
	slices.Sort(d.Fixed)
	slices.Sort(d.Resized)
	return d
}

func nativeOnly(containers []v1beta1.SidecarContainer) []v1beta1.SidecarContainer {
	return slices.DeleteFunc(slices.Clone(containers), func(c v1beta1.SidecarContainer) bool { return !pods.IsNativeSidecar(&c.Container) })
}

func (d *Difference) compare(list string, before, after []v1beta1.SidecarContainer) {
	old := map[string]*v1beta1.SidecarContainer{}
	for i := range before {
		old[before[i].Name] = &before[i]
	}
	for i := range after {
		path := fmt.Sprintf("%s[%s]", list, after[i].Name)
		previous, existed := old[after[i].Name]
		if !existed {
			d.Fixed = append(d.Fixed, path)
			continue
		}
		delete(old, after[i].Name)
		d.compareContainer(path, previous, &after[i])
	}
	for name := range old {
		d.Fixed = append(d.Fixed, fmt.Sprintf("%s[%s]", list, name))
	}
}

// compareContainer takes two versions of one container. What was left out both times is the same although its default
// may depend on the image (the pull policy does), so they are compared as they were written first.
func (d *Difference) compareContainer(path string, before, after *v1beta1.SidecarContainer) {
	a, b := fields(before), fields(after)
	if equality.Semantic.DeepEqual(a, b) {
		return
	}
	defaultedBefore, defaultedAfter := fields(defaultedContainer(before)), fields(defaultedContainer(after))
	for _, key := range slices.Sorted(maps.Keys(merged(a, b))) {
		same := equality.Semantic.DeepEqual(a[key], b[key]) || equality.Semantic.DeepEqual(defaultedBefore[key], defaultedAfter[key])
		switch {
		case key == "image" || same:
		case key == "resources" && inplace.OnlyAmounts(before.Resources, after.Resources):
			d.Resized = append(d.Resized, before.Name)
		default:
			d.Fixed = append(d.Fixed, path+"."+key)
		}
	}
}

func defaultedContainer(c *v1beta1.SidecarContainer) *v1beta1.SidecarContainer {
	spec := Default(&v1beta1.SidecarSetSpec{Containers: []v1beta1.SidecarContainer{*c}})
	return &spec.Containers[0]
}

// fields is a container as a map, so that changed fields can be named.
func fields(c *v1beta1.SidecarContainer) map[string]any {
	data, err := json.Marshal(c)
	if err != nil {
		return map[string]any{"": err.Error()} // differs from everything that can be encoded
	}
	out := map[string]any{}
	if err := json.Unmarshal(data, &out); err != nil {
		return map[string]any{"": err.Error()}
	}
	return out
}

func merged(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}
