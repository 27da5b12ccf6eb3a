package sidecar

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Change is what an in-place update writes into one running Pod.
type Change struct {
	// Images are the containers whose image changes.
	Images []ImageChange
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

// Update computes how to bring a Pod to the set's current version in place.
// The Pod must hold the set and be upgradable.
func (s *Set) Update(v *View, now metav1.Time) (*Change, error) {
	change := &Change{Images: s.imageChanges(v)}
	full, _ := s.hashRecords(now)
	hashes := maps.Clone(v.hashes)
	if err := hashes.put(s.Name(), full); err != nil {
		return nil, err
	}
	updates := maps.Clone(v.updates)
	if err := updates.put(s.Name(), s.replacedBy(change, v, now)); err != nil {
		return nil, err
	}
	hashText, err := hashes.text()
	if err != nil {
		return nil, err
	}
	updateText, err := updates.text()
	if err != nil {
		return nil, err
	}
	change.Annotations = map[string]string{v1beta1.SidecarSetHashAnnotation: hashText, v1beta1.SidecarSetInPlaceUpdateStateAnnotation: updateText}
	return change, nil
}

func (s *Set) imageChanges(v *View) []ImageChange {
	var out []ImageChange
	for _, containers := range [][]v1beta1.SidecarContainer{s.Spec.Containers, s.Spec.InitContainers} {
		for i := range containers {
			if !slices.Contains(s.SidecarNames, containers[i].Name) {
				continue // a plain init container has run and will not run again
			}
			ref := v.find(containers[i].Name)
			if ref == nil || ref.container.Image == containers[i].Image {
				continue
			}
			out = append(out, ImageChange{
				List: ref.list, Index: ref.index,
				Name: containers[i].Name, From: ref.container.Image, To: containers[i].Image,
			})
		}
	}
	return out
}

// replacedBy records what runs in the containers that change. What an earlier
// update of the set recorded about other containers stays, as on the wire.
func (s *Set) replacedBy(change *Change, v *View, now metav1.Time) updateRecord {
	record := updateRecord{
		Revision:              s.Hashes.Full,
		UpdateTimestamp:       metav1.NewTime(now.UTC()),
		LastContainerStatuses: map[string]replacedVersion{},
	}
	if earlier := v.updates.update(s.Name()); earlier != nil {
		maps.Copy(record.LastContainerStatuses, earlier.LastContainerStatuses)
	}
	for _, image := range change.Images {
		record.LastContainerStatuses[image.Name] = v.running(image.Name)
	}
	return record
}

// running identifies what a container runs now, as its status says.
func (v *View) running(name string) replacedVersion {
	for _, list := range [][]corev1.ContainerStatus{v.Pod.Status.ContainerStatuses, v.Pod.Status.InitContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return replacedVersion{ImageID: list[i].ImageID, ContainerID: list[i].ContainerID}
			}
		}
	}
	return replacedVersion{}
}
