// SPDX-License-Identifier: Apache-2.0

package v1beta1

// SidecarSetInjectionStrategy says what newly created Pods get.
type SidecarSetInjectionStrategy struct {
	// Paused stops injection into new Pods.
	// +optional
	Paused bool `json:"paused,omitempty"`
	// Revision pins what is injected to an earlier revision.
	// +optional
	Revision *SidecarSetInjectRevision `json:"revision,omitempty"`
}

// SidecarSetInjectRevisionPolicy says which Pods get the pinned revision.
// +kubebuilder:validation:Enum=Always;Partial
type SidecarSetInjectRevisionPolicy string

const (
	// AlwaysSidecarSetInjectRevisionPolicy gives every new Pod the pinned revision.
	AlwaysSidecarSetInjectRevisionPolicy SidecarSetInjectRevisionPolicy = "Always"
	// PartialSidecarSetInjectRevisionPolicy gives new Pods the pinned or the current revision, as the rollout's
	// selector and partition would have it.
	PartialSidecarSetInjectRevisionPolicy SidecarSetInjectRevisionPolicy = "Partial"
)

// SidecarSetInjectRevision names a revision.
//
// +kubebuilder:validation:XValidation:rule=`has(self.revisionName) || has(self.customVersion)`,message="needs revisionName or customVersion"
type SidecarSetInjectRevision struct {
	// CustomVersion picks the newest revision with this custom version.
	// +optional
	CustomVersion *string `json:"customVersion,omitempty"`
	// RevisionName picks this ControllerRevision; it wins over CustomVersion.
	// +optional
	RevisionName *string `json:"revisionName,omitempty"`
	// Policy is Always or Partial. Default Always.
	// +kubebuilder:default=Always
	// +optional
	Policy SidecarSetInjectRevisionPolicy `json:"policy,omitempty"`
}

// SidecarSetPatchPolicyType says how an annotation meets an existing one.
// +kubebuilder:validation:Enum=Retain;Overwrite;MergePatchJson
type SidecarSetPatchPolicyType string

const (
	// SidecarSetRetainPatchPolicy keeps an annotation that the Pod has.
	SidecarSetRetainPatchPolicy SidecarSetPatchPolicyType = "Retain"
	// SidecarSetOverwritePatchPolicy replaces it.
	SidecarSetOverwritePatchPolicy SidecarSetPatchPolicyType = "Overwrite"
	// SidecarSetMergePatchJSONPatchPolicy merges the JSON of both (RFC 7386).
	SidecarSetMergePatchJSONPatchPolicy SidecarSetPatchPolicyType = "MergePatchJson"
)

// SidecarSetPatchPodMetadata are annotations for the Pods.
type SidecarSetPatchPodMetadata struct {
	// Annotations to write.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// PatchPolicy is Retain, Overwrite or MergePatchJson. Default Retain.
	// +optional
	PatchPolicy SidecarSetPatchPolicyType `json:"patchPolicy,omitempty"`
}
