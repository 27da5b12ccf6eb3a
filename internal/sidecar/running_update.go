// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
)

// Change is what an in-place update writes into one running Pod.
type Change struct {
	// Images are the containers whose image changes.
	Images []ImageChange
	// Resources are the containers whose cpu or memory changes. They are written through the resize subresource, after
	// everything else: what is written before says that they are to follow, so nothing is lost if they do not.
	Resources []ResourceChange
	// Annotations are set.
	Annotations map[string]string
}

// ImageChange gives one container a new image.
type ImageChange struct {
	// List is containers or initContainers, Index the place in it.
	List  string
	Index int
	// Name of the container, From its image now, To the new one.
	Name, From, To string
}

// ResourceChange gives one container new resources.
type ResourceChange struct {
	List  string
	Index int
	Name  string
	// From are the resources now, To the new ones.
	From, To corev1.ResourceRequirements
}

// Update computes how to bring a Pod to the set's current version in place. The Pod must hold the set, and nothing but
// images and, for the containers named in resized, cpu and memory may separate it from that version.
func (s *Set) Update(v *View, resized []string, now metav1.Time) (*Change, error) {
	change := &Change{Resources: s.resourceChanges(v, resized)}
	hot := s.hotSteps(v)
	change.Images = append(s.coldImages(v), hot.images...)
	texts, err := s.updateTexts(v, change, now)
	if err != nil {
		return nil, err
	}
	change.Annotations, _ = PatchedAnnotations(s, v.Pod.Annotations) // what cannot be merged stays as it is
	if change.Annotations == nil {
		change.Annotations = map[string]string{}
	}
	maps.Copy(change.Annotations, texts)
	maps.Copy(change.Annotations, hot.annotations)
	return change, nil
}

// coldImages are those of containers that restart with the new image.
func (s *Set) coldImages(v *View) []ImageChange {
	var out []ImageChange
	s.eachSidecar(func(c *v1beta1.SidecarContainer) {
		ref := pods.Find(v.Pod, c.Name)
		if isHot(c) || ref == nil || ref.Image == c.Image {
			return
		}
		out = append(out, imageChange(ref, c.Image))
	})
	return out
}

func (s *Set) resourceChanges(v *View, resized []string) []ResourceChange {
	var out []ResourceChange
	s.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			if !slices.Contains(resized, c.Name) && !slices.Contains(resized, name) {
				continue
			}
			if ref := pods.Find(v.Pod, name); ref != nil && !equality.Semantic.DeepEqual(ref.Resources, c.Resources) {
				out = append(out, ResourceChange{List: ref.List, Index: ref.Index, Name: name, From: ref.Resources, To: c.Resources})
			}
		}
	})
	return out
}

// ResizeObstacles says why the Pod cannot take the new resources of some sidecars; nil when it can. Another Pod of the
// set may be able to: it depends on its other containers and on its node.
func (s *Set) ResizeObstacles(v *View, resized []string) []string {
	changes := s.resourceChanges(v, resized)
	if len(changes) == 0 {
		return nil
	}
	change := inplace.Change{Resources: map[string]corev1.ResourceRequirements{}}
	for _, c := range changes {
		change.Resources[c.Name] = c.To
	}
	return change.Obstacles(v.Pod)
}

// OwedResizes names the containers of the Pod whose new resources an update has recorded but not written: whoever wrote
// was stopped between the two, or the second was refused.
func (v *View) OwedResizes() []string { return v.owed }

// owedResizes reads from a record what it says was to follow and has not.
func (r *records) owedResizes(record *updateRecord) []string {
	if record == nil {
		return nil
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(record.ResizedFrom)) {
		if ref := pods.Find(r.Pod, name); ref != nil && equality.Semantic.DeepEqual(ref.Resources, record.ResizedFrom[name]) {
			out = append(out, name)
		}
	}
	return out
}

// Complete computes the second half of an update of which only the first was written. It returns nil when nothing is
// missing. The Pod must be at the set's current version.
func (s *Set) Complete(v *View) *Change {
	if resources := s.resourceChanges(v, v.owed); len(resources) > 0 {
		return &Change{Resources: resources}
	}
	return nil
}

// updateTexts are the annotations of an updated Pod.
func (s *Set) updateTexts(v *View, change *Change, now metav1.Time) (map[string]string, error) {
	full, withoutImage := s.hashRecords(now)
	texts := map[string]string{}
	for _, w := range []struct {
		key     string
		entries entries
		value   any
	}{
		{v1beta1.SidecarSetHashAnnotation, v.hashes, full},
		{v1beta1.SidecarSetHashWithoutImageAnnotation, v.hashesWithoutImage, withoutImage},
		{v1beta1.SidecarSetInPlaceUpdateStateAnnotation, v.updates, s.replacedBy(change, v, now)},
	} {
		if w.key == v1beta1.SidecarSetHashWithoutImageAnnotation && v.withoutImage.Hash == withoutImage.Hash {
			continue // as on the wire, the record of the injection stays
		}
		updated := maps.Clone(w.entries)
		if err := updated.put(s.Name(), w.value); err != nil {
			return nil, err
		}
		text, err := updated.text()
		if err != nil {
			return nil, err
		}
		texts[w.key] = text
	}
	return texts, nil
}

// replacedBy records what runs in the containers that change. What an earlier update of the set recorded about other
// containers stays, as on the wire.
func (s *Set) replacedBy(change *Change, v *View, now metav1.Time) updateRecord {
	record := updateRecord{
		Revision:              s.Hashes.Full,
		UpdateTimestamp:       metav1.NewTime(now.UTC()),
		LastContainerStatuses: map[string]replacedVersion{},
	}
	if earlier := v.update; earlier != nil {
		maps.Copy(record.LastContainerStatuses, earlier.LastContainerStatuses)
	}
	for _, image := range change.Images {
		record.LastContainerStatuses[image.Name] = v.running(image.Name)
	}
	for _, resources := range change.Resources {
		record.Resized = append(record.Resized, resources.Name)
		if record.ResizedFrom == nil {
			record.ResizedFrom = map[string]corev1.ResourceRequirements{}
		}
		record.ResizedFrom[resources.Name] = resources.From
	}
	record.recordServed(v)
	return record
}

// running identifies what a container runs now, as its status says.
func (v *View) running(name string) replacedVersion {
	if status := pods.Status(v.Pod, name); status != nil {
		return replacedVersion{ImageID: status.ImageID, ContainerID: status.ContainerID}
	}
	return replacedVersion{}
}
