// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// StatefulSetStatus is what the operator saw and did last. The counts are always written, also when they are 0: tools
// take an absent one for a sign.
type StatefulSetStatus struct {
	// ObservedGeneration is the metadata.generation that this status speaks of.
	// -1: no one has looked yet.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Replicas is how many Pods there are, terminating ones included.
	// +optional
	Replicas int32 `json:"replicas"`
	// ReadyReplicas is how many Pods are Ready.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas"`
	// AvailableReplicas is how many Pods have been Ready for minReadySeconds and are not held by a lifecycle hook.
	// +optional
	AvailableReplicas int32 `json:"availableReplicas"`
	// CurrentReplicas is how many Pods are at currentRevision.
	// +optional
	CurrentReplicas int32 `json:"currentReplicas"`
	// UpdatedReplicas is how many Pods are at updateRevision.
	// +optional
	UpdatedReplicas int32 `json:"updatedReplicas"`
	// UpdatedReadyReplicas is how many of these are Ready.
	// +optional
	UpdatedReadyReplicas int32 `json:"updatedReadyReplicas"`
	// UpdatedAvailableReplicas is how many of these are available.
	// +optional
	UpdatedAvailableReplicas int32 `json:"updatedAvailableReplicas"`
	// CurrentRevision names the ControllerRevision that the rollout comes from.
	// +optional
	CurrentRevision string `json:"currentRevision,omitempty"`
	// UpdateRevision names the ControllerRevision that the rollout goes to. It equals currentRevision when no rollout
	// is under way.
	// +optional
	UpdateRevision string `json:"updateRevision,omitempty"`
	// CollisionCount counts collisions of revision names.
	// +optional
	CollisionCount *int32 `json:"collisionCount,omitempty"`
	// LabelSelector is spec.selector as a string, for the scale subresource.
	// +optional
	LabelSelector string `json:"labelSelector,omitempty"`
	// VolumeClaims says, for each claim template, how far the claims are.
	// +listType=map
	// +listMapKey=volumeClaimName
	// +optional
	VolumeClaims []VolumeClaimStatus `json:"volumeClaims,omitempty"`
	// LastProgressTime is when the rollout last moved.
	// +optional
	LastProgressTime *metav1.Time `json:"lastProgressTime,omitempty"`
	// PausedSince is when the operator first saw the rollout paused.
	// +optional
	PausedSince *metav1.Time `json:"pausedSince,omitempty"`
	// Summary says in a few words how it is: Complete, Rolling 1/3, Stalled: ErrImagePull. Programs read the
	// conditions.
	// +optional
	Summary string `json:"summary,omitempty"`
	// SummarySince is since when summary has begun with the word that it does.
	// +optional
	SummarySince *metav1.Time `json:"summarySince,omitempty"`
	// Conditions say how the set is: Ready, Reconciling, Stalled, Available, Progressing, Scaling, Remediating,
	// FailedCreatePod, FailedUpdatePod.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
