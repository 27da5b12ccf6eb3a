// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"encoding/json"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/quantity"
)

// version is the part of a spec that a revision records: what gets into Pods. The order of the fields and the nulls are
// the wire's.
type version struct {
	Patch            string                               `json:"$patch"`
	Containers       []v1beta1.SidecarContainer           `json:"containers"`
	ImagePullSecrets []corev1.LocalObjectReference        `json:"imagePullSecrets"`
	InitContainers   []v1beta1.SidecarContainer           `json:"initContainers"`
	PatchPodMetadata []v1beta1.SidecarSetPatchPodMetadata `json:"patchPodMetadata"`
	Volumes          []corev1.Volume                      `json:"volumes"`
}

type versionData struct {
	Spec version `json:"spec"`
}

// VersionData is what a ControllerRevision of the set's current version holds.
func (s *Set) VersionData() ([]byte, error) {
	spec := &s.Object.Spec
	data, err := json.Marshal(versionData{version{
		Patch: "replace", Containers: spec.Containers, ImagePullSecrets: spec.ImagePullSecrets,
		InitContainers: spec.InitContainers, PatchPodMetadata: spec.PatchPodMetadata, Volumes: spec.Volumes,
	}})
	if err != nil {
		return nil, fmt.Errorf("encode the version of SidecarSet %s: %w", s.Name(), err)
	}
	return data, nil
}

// At returns the set as it was when a revision was recorded: the revision's containers, volumes, pull secrets and
// metadata, and everything else as it is now. Its Revision is the given name.
func (s *Set) At(name string, data []byte) (*Set, error) {
	spec, err := specOf(data)
	if err != nil {
		return nil, fmt.Errorf("revision %s of SidecarSet %s: %w", name, s.Name(), err)
	}
	object := s.Object.DeepCopy()
	object.Spec.Containers, object.Spec.InitContainers = spec.Containers, spec.InitContainers
	object.Spec.Volumes, object.Spec.ImagePullSecrets = spec.Volumes, spec.ImagePullSecrets
	object.Spec.PatchPodMetadata = spec.PatchPodMetadata
	out, err := Compile(object)
	if err != nil {
		return nil, fmt.Errorf("revision %s of SidecarSet %s: %w", name, s.Name(), err)
	}
	return out.WithRevision(name), nil
}

// WithRevision returns the set with the name of the revision that its version is recorded under. Pods are marked with
// it.
func (s *Set) WithRevision(name string) *Set {
	out := *s
	out.Revision = name
	return &out
}

// SameVersion reports whether a revision records the set's current version. They are compared decoded and defaulted, so
// it does not matter which program and which version of a library wrote the revision.
func (s *Set) SameVersion(data []byte) bool {
	spec, err := specOf(data)
	if err != nil {
		return false
	}
	recorded, current := Default(spec), s.Spec
	return equality.Semantic.DeepEqual(recorded.Containers, current.Containers) &&
		equality.Semantic.DeepEqual(recorded.InitContainers, current.InitContainers) &&
		equality.Semantic.DeepEqual(recorded.Volumes, current.Volumes) &&
		equality.Semantic.DeepEqual(recorded.ImagePullSecrets, current.ImagePullSecrets) &&
		equality.Semantic.DeepEqual(recorded.PatchPodMetadata, current.PatchPodMetadata)
}

func specOf(data []byte) (*v1beta1.SidecarSetSpec, error) {
	var decoded versionData
	data, faults, err := quantity.Bound(data, &decoded)
	if err == nil {
		err = faults.ToAggregate()
	}
	if err != nil {
		return nil, fmt.Errorf("its data is not that of a SidecarSet: %w", err)
	}
	if err := json.Unmarshal(data, &decoded); err != nil {
		return nil, fmt.Errorf("its data is not that of a SidecarSet: %w", err)
	}
	return &v1beta1.SidecarSetSpec{
		Containers: decoded.Spec.Containers, InitContainers: decoded.Spec.InitContainers, Volumes: decoded.Spec.Volumes,
		ImagePullSecrets: decoded.Spec.ImagePullSecrets, PatchPodMetadata: decoded.Spec.PatchPodMetadata,
	}, nil
}

// CustomVersion is the name that the user gave this version: in v1beta1 a field, in v1alpha1 a label.
func (s *Set) CustomVersion() string {
	if s.Spec.CustomVersion != "" {
		return s.Spec.CustomVersion
	}
	return s.Object.Labels[v1beta1.SidecarSetCustomVersionLabel]
}

// Pinned names the revision that injection is pinned to: the one named, or the newest with the custom version. It is
// empty when injection is not pinned, or when there is no such revision. The revisions must be sorted, oldest first.
func (s *Set) Pinned(revisions []*appsv1.ControllerRevision) string {
	pin := s.Spec.InjectionStrategy.Revision
	if pin == nil {
		return ""
	}
	for _, r := range slices.Backward(revisions) {
		switch {
		case pin.RevisionName != nil:
			if r.Name == *pin.RevisionName {
				return r.Name
			}
		case pin.CustomVersion != nil && r.Labels[v1beta1.SidecarSetCustomVersionLabel] == *pin.CustomVersion:
			return r.Name
		}
	}
	return ""
}
