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

// Update is what an update of a set writes into one running Pod. New resources are written through the resize
// subresource, after everything else: what is written before says that they are to follow, so nothing is lost if they do
// not.
type Update struct {
	inplace.Change
	// Records are the annotations that say which version the Pod is at, and what the update has replaced.
	Records map[string]string
}

// Edits renders the update.
func (u *Update) Edits(pod *corev1.Pod) inplace.Edits { return inplace.Write(pod, u.Change, u.Records) }

// Update computes how to bring a Pod to the set's current version in place. The Pod must hold the set, and nothing but
// images and, for the containers named in resized, cpu and memory may separate it from that version.
func (s *Set) Update(v *View, resized []string, now metav1.Time) (*Update, error) {
	return s.UpdateOwing(v, resized, "", now)
}

// UpdateOwing is Update for a Pod whose node can never give it that cpu and memory, as the API server has said in some
// words: it gets everything else, and they are owed.
func (s *Set) UpdateOwing(v *View, resized []string, refused string, now metav1.Time) (*Update, error) {
	update := &Update{Change: inplace.Change{
		Images: s.coldImages(v), Resources: s.newResources(v, resized), ResizeRefused: refused, Annotations: map[string]*string{},
	}}
	patched, _ := PatchedAnnotations(s, v.Pod.Annotations) // what cannot be merged stays as it is
	for key, value := range patched {
		update.Annotations[key] = &value
	}
	s.startHot(v, &update.Change)
	var err error
	if update.Records, err = s.updateTexts(v, update.Change, now); err != nil {
		return nil, err
	}
	return update, s.recordUpdating(v, update.Records, now)
}

// coldImages are those of containers that restart with the new image.
func (s *Set) coldImages(v *View) map[string]string {
	out := map[string]string{}
	s.eachSidecar(func(c *v1beta1.SidecarContainer) {
		if has := pods.Image(v.Pod, c.Name); !isHot(c) && has != "" && has != c.Image {
			out[c.Name] = c.Image
		}
	})
	return out
}

// newResources are the amounts of cpu and memory that containers of the Pod are to get.
func (s *Set) newResources(v *View, resized []string) map[string]corev1.ResourceRequirements {
	if len(resized) == 0 {
		return nil
	}
	out := map[string]corev1.ResourceRequirements{}
	s.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			if !slices.Contains(resized, c.Name) && !slices.Contains(resized, name) {
				continue
			}
			has := pods.Find(v.Pod, name)
			if has == nil {
				continue
			}
			if changed := inplace.ChangedAmounts(has.Resources, inPod(c.Resources)); changed != nil {
				out[name] = *changed
			}
		}
	})
	return out
}

// Restarts reports whether bringing a Pod to the set's current version restarts a container of it: one gets another
// image, the new one of a hot upgrade included, or its resizePolicy asks for a restart.
func (s *Set) Restarts(v *View, resized []string) bool {
	restarts, resources := false, s.newResources(v, resized)
	s.eachSidecar(func(c *v1beta1.SidecarContainer) {
		has := v.Image(c.Name)
		if isHot(c) {
			if pair := v.pair(c); pair != nil {
				has = pair.working.Image
			}
		}
		restarts = restarts || has != "" && has != c.Image
		for _, name := range namesInPod(c) {
			restarts = restarts || inplace.ResizeRestarts(c.ResizePolicy, resources[name])
		}
	})
	return restarts
}

// ResizeRestarts names the containers that are restarted to get other cpu or memory, as their resizePolicy asks.
func (s *Set) ResizeRestarts(resources map[string]corev1.ResourceRequirements) (names []string) {
	s.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			if inplace.ResizeRestarts(c.ResizePolicy, resources[name]) {
				names = append(names, name)
			}
		}
	})
	return names
}

// RestartsNativeSidecars reports whether bringing a Pod to the set's current version gives a native sidecar of it another
// image.
func (s *Set) RestartsNativeSidecars(v *View) bool {
	return slices.ContainsFunc(s.Spec.InitContainers, func(c v1beta1.SidecarContainer) bool {
		has := v.Image(c.Name)
		return pods.IsNativeSidecar(&c.Container) && has != "" && has != c.Image
	})
}

// inPod are resources of a set as a Pod has them: where the set says only a limit, the API server lets the Pod request as
// much.
func inPod(resources corev1.ResourceRequirements) corev1.ResourceRequirements {
	out := resources
	out.Requests = maps.Clone(resources.Limits)
	if out.Requests == nil {
		out.Requests = corev1.ResourceList{}
	}
	maps.Copy(out.Requests, resources.Requests)
	return out
}

// ResizeObstacles says why the Pod cannot take the new resources of some sidecars; nil when it can. Another Pod of the
// set may be able to: it depends on its other containers and on its node. canResize says whether the API server resizes
// running Pods.
func (s *Set) ResizeObstacles(v *View, resized []string, canResize bool) []string {
	if len(resized) > 0 && !canResize {
		return []string{inplace.NoResize}
	}
	return inplace.Change{Resources: s.newResources(v, resized)}.Obstacles(v.Pod)
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
func (s *Set) Complete(v *View) *Update {
	if resources := s.newResources(v, v.owed); len(resources) > 0 {
		return &Update{Change: inplace.Change{Resources: resources}}
	}
	return nil
}

// NoteRefusal computes the record that the node of a Pod can never give it the resources that its update owes it.
func (s *Set) NoteRefusal(v *View, words string) (*Update, error) {
	record, updates := *v.update, v.entries(v1beta1.SidecarSetInPlaceUpdateStateAnnotation).clone()
	record.ResizeRefused = words
	if err := updates.put(s.Name(), record); err != nil {
		return nil, err
	}
	text, err := updates.text()
	return &Update{Records: map[string]string{v1beta1.SidecarSetInPlaceUpdateStateAnnotation: text}}, err
}

// updateTexts are the annotations of an updated Pod.
func (s *Set) updateTexts(v *View, change inplace.Change, now metav1.Time) (map[string]string, error) {
	full, withoutImage := s.hashRecords(now)
	texts := map[string]string{}
	for _, w := range []struct {
		key   string
		value any
	}{
		{v1beta1.SidecarSetHashAnnotation, full},
		{v1beta1.SidecarSetHashWithoutImageAnnotation, withoutImage},
		{v1beta1.SidecarSetInPlaceUpdateStateAnnotation, s.replacedBy(change, v, now)},
	} {
		if w.key == v1beta1.SidecarSetHashWithoutImageAnnotation && v.Upgradable() {
			continue // as on the wire, the record of the injection stays
		}
		updated := v.entries(w.key).clone()
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
func (s *Set) replacedBy(change inplace.Change, v *View, now metav1.Time) updateRecord {
	record := updateRecord{
		Revision:              s.Hashes.Full,
		UpdateTimestamp:       metav1.NewTime(now.UTC()),
		LastContainerStatuses: map[string]inplace.Replaced{},
	}
	if earlier := v.update; earlier != nil {
		maps.Copy(record.LastContainerStatuses, earlier.LastContainerStatuses)
	}
	for name := range change.Images {
		record.LastContainerStatuses[name] = inplace.Running(v.Pod, name)
	}
	if len(change.Resources) > 0 {
		record.ResizedFrom, record.ResizeRefused = map[string]corev1.ResourceRequirements{}, change.ResizeRefused
	}
	awaited := v.awaitedResizes(v.update)
	s.eachSidecar(func(c *v1beta1.SidecarContainer) {
		for _, name := range namesInPod(c) {
			_, resized := change.Resources[name]
			if resized {
				record.ResizedFrom[name] = pods.Find(v.Pod, name).Resources
			}
			if resized || slices.Contains(awaited, name) {
				record.Resized = append(record.Resized, name)
			}
		}
	})
	record.recordServed(v)
	return record
}
