// SPDX-License-Identifier: Apache-2.0

package v1beta1

// VolumeClaimUpdateStrategy says how a changed claim template reaches the claims that exist.
type VolumeClaimUpdateStrategy struct {
	// Type is OnDelete (a claim changes when somebody deletes it) or OnPodRollingUpdate (a claim is expanded before its
	// Pod is updated, where its StorageClass allows expansion). Default OnDelete.
	// +kubebuilder:default=OnDelete
	// +optional
	Type VolumeClaimUpdateStrategyType `json:"type,omitempty"`
}

// VolumeClaimUpdateStrategyType says when existing claims change.
// +kubebuilder:validation:Enum=OnDelete;OnPodRollingUpdate
type VolumeClaimUpdateStrategyType string

const (
	// OnDeleteVolumeClaimUpdateStrategy leaves existing claims as they are.
	OnDeleteVolumeClaimUpdateStrategy VolumeClaimUpdateStrategyType = "OnDelete"
	// OnPodRollingUpdateVolumeClaimUpdateStrategy expands a claim before its Pod is updated.
	OnPodRollingUpdateVolumeClaimUpdateStrategy VolumeClaimUpdateStrategyType = "OnPodRollingUpdate"
)

// PersistentVolumeClaimRetentionPolicyType says what happens to claims.
// +kubebuilder:validation:Enum=Retain;Delete
type PersistentVolumeClaimRetentionPolicyType string

const (
	// RetainPersistentVolumeClaimRetentionPolicy keeps the claim.
	RetainPersistentVolumeClaimRetentionPolicy PersistentVolumeClaimRetentionPolicyType = "Retain"
	// DeletePersistentVolumeClaimRetentionPolicy deletes the claim, and with it the data where the volume's reclaim
	// policy is Delete.
	DeletePersistentVolumeClaimRetentionPolicy PersistentVolumeClaimRetentionPolicyType = "Delete"
)

// StatefulSetPersistentVolumeClaimRetentionPolicy says when claims made from volumeClaimTemplates are deleted.
type StatefulSetPersistentVolumeClaimRetentionPolicy struct {
	// WhenDeleted is Retain or Delete: what happens to the claims when the StatefulSet is deleted. Default Retain.
	// +kubebuilder:default=Retain
	// +optional
	WhenDeleted PersistentVolumeClaimRetentionPolicyType `json:"whenDeleted,omitempty"`
	// WhenScaled is Retain or Delete: what happens to the claims of Pods that scaling down removes. Default Retain.
	// +kubebuilder:default=Retain
	// +optional
	WhenScaled PersistentVolumeClaimRetentionPolicyType `json:"whenScaled,omitempty"`
}

// VolumeClaimStatus says how far the claims of one template have come.
type VolumeClaimStatus struct {
	// VolumeClaimName is the name of the template.
	VolumeClaimName string `json:"volumeClaimName"`
	// CompatibleReplicas is how many Pods have a claim that asks for at least what the template asks for.
	// +optional
	CompatibleReplicas int32 `json:"compatibleReplicas"`
	// CompatibleReadyReplicas is how many of these claims have that capacity.
	// +optional
	CompatibleReadyReplicas int32 `json:"compatibleReadyReplicas"`
}
