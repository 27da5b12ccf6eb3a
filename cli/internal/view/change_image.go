// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// container is a container of a target.
type container struct {
	list, name, image string
	// at is its place in the list.
	at int
}

// Images are new images by container; "*" stands for all.
type Images []struct{ Container, Image string }

// ParseImages reads container=image ...
func ParseImages(words []string) (Images, error) {
	var out Images
	for _, word := range words {
		container, image, ok := strings.Cut(word, "=")
		if !ok || container == "" || image == "" {
			return nil, fmt.Errorf("%q is not of the form CONTAINER=IMAGE, such as app=web:2", word)
		}
		out = append(out, struct{ Container, Image string }{container, image})
	}
	return out, nil
}

// step is one of a JSON patch.
type step struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// SetImages gives containers other images.
func (t *Target) SetImages(images Images) (Change, error) {
	prefix, containers := t.containers()
	var steps []step
	out := Change{Type: types.JSONPatchType}
	var said []string
	for _, wanted := range images {
		found := false
		for _, c := range containers {
			if wanted.Container != "*" && wanted.Container != c.name {
				continue
			}
			found = true
			if c.image == wanted.Image {
				said = append(said, fmt.Sprintf("%s has %s already", c.name, c.image))
				continue
			}
			// The name says that the list is still the one that was read.
			path := fmt.Sprintf("%s/%s/%d", prefix, c.list, c.at)
			steps = append(steps, step{"test", path + "/name", c.name}, step{"replace", path + "/image", wanted.Image})
			said = append(said, fmt.Sprintf("%s: %s -> %s", c.name, c.image, wanted.Image))
			out.Commit = append(out.Commit, fmt.Sprintf("%s.%s[%s].image: %s", dotted(prefix), c.list, c.name, wanted.Image))
		}
		if !found {
			return Change{}, fmt.Errorf("%s has no container %q; it has %s", t.Ref(), wanted.Container, joined(names(containers)))
		}
	}
	out.Text = fmt.Sprintf("%s: %s.", t.Ref(), strings.Join(said, "; "))
	if len(steps) == 0 {
		return out, nil
	}
	data, err := json.Marshal(steps)
	if err != nil {
		return Change{}, err
	}
	out.Data, out.Text = data, out.Text+t.follows()
	return out, nil
}

// dotted is a JSON pointer as people write a field.
func dotted(pointer string) string { return strings.ReplaceAll(pointer[1:], "/", ".") }

func names(containers []container) []string {
	out := make([]string, len(containers))
	for i := range containers {
		out[i] = containers[i].name
	}
	return out
}

// containers lists those of the target, and where they are.
func (t *Target) containers() (prefix string, out []container) {
	if t.SidecarSet != nil {
		for i := range t.SidecarSet.Spec.Containers {
			c := &t.SidecarSet.Spec.Containers[i]
			out = append(out, container{"containers", c.Name, c.Image, i})
		}
		for i := range t.SidecarSet.Spec.InitContainers {
			c := &t.SidecarSet.Spec.InitContainers[i]
			out = append(out, container{"initContainers", c.Name, c.Image, i})
		}
		return "/spec", out
	}
	spec := &t.StatefulSet.Spec.Template.Spec
	for i := range spec.Containers {
		out = append(out, container{"containers", spec.Containers[i].Name, spec.Containers[i].Image, i})
	}
	for i := range spec.InitContainers {
		out = append(out, container{"initContainers", spec.InitContainers[i].Name, spec.InitContainers[i].Image, i})
	}
	return "/spec/template/spec", out
}

// follows says what becomes of running Pods after a change of the version.
func (t *Target) follows() string {
	switch {
	case t.paused():
		return fmt.Sprintf(" It is paused: no running Pod follows before kubectl windlass resume %s.", t.Ref())
	case t.idle() != "":
		return t.idle()
	case t.SidecarSet != nil, t.StatefulSet.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType:
	case rolling(t.StatefulSet).PodUpdatePolicy == v1beta1.InPlaceOnlyPodUpdatePolicy,
		rolling(t.StatefulSet).PodUpdatePolicy == v1beta1.InPlaceIfPossiblePodUpdatePolicy:
	default:
		return t.resting() + " Its podUpdatePolicy is ReCreate: Pods are deleted and created again."
	}
	return t.resting()
}
