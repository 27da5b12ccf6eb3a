// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SidecarSetStatus is what the operator saw and did last.
type SidecarSetStatus struct {
	// ObservedGeneration is the metadata.generation that this status speaks of.
	// -1: no one has looked yet.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// MatchedPods is how many live Pods carry this set's sidecars.
	// +optional
	MatchedPods int32 `json:"matchedPods"`
	// UpdatedPods is how many of them are at the current version.
	// +optional
	UpdatedPods int32 `json:"updatedPods"`
	// ReadyPods is how many of them are Ready, no update of theirs in flight.
	// +optional
	ReadyPods int32 `json:"readyPods"`
	// UpdatedReadyPods is how many are both.
	// +optional
	UpdatedReadyPods int32 `json:"updatedReadyPods"`
	// UninjectedPods is how many live Pods the set matches but that carry none of its sidecars.
	// +optional
	UninjectedPods int32 `json:"uninjectedPods"`
	// Uninjected names the first 20 of these Pods with the reason.
	// +kubebuilder:validation:MaxItems=20
	// +listType=map
	// +listMapKey=namespace
	// +listMapKey=name
	// +optional
	Uninjected []UninjectedPod `json:"uninjected,omitempty"`
	// Waiting counts the Pods that wait for their update by what they wait for. Each Pod is counted once, at the first
	// of its obstacles.
	// +kubebuilder:validation:MaxItems=20
	// +listType=map
	// +listMapKey=reason
	// +optional
	Waiting []WaitingPods `json:"waiting,omitempty"`
	// LatestRevision is the name of the ControllerRevision of the current spec.
	// +optional
	LatestRevision string `json:"latestRevision,omitempty"`
	// CollisionCount counts collisions of revision names.
	// +optional
	CollisionCount *int32 `json:"collisionCount,omitempty"`
	// AutoPausedRevision is the revision at which autoPauseOnFailure set the rollout to rest. Any other revision rolls
	// out again.
	// +optional
	AutoPausedRevision string `json:"autoPausedRevision,omitempty"`
	// LastProgressTime is when the rollout last moved.
	// +optional
	LastProgressTime *metav1.Time `json:"lastProgressTime,omitempty"`
	// CompletedRevision is the revision whose rollout was completed last.
	// +optional
	CompletedRevision string `json:"completedRevision,omitempty"`
	// PausedSince is when the operator first saw the rollout paused.
	// +optional
	PausedSince *metav1.Time `json:"pausedSince,omitempty"`
	// Summary says in a few words how it is: Complete, Rolling 12/40, Uninjected 1. Programs read the conditions.
	// +optional
	Summary string `json:"summary,omitempty"`
	// SummarySince is since when summary has begun with the word that it does.
	// +optional
	SummarySince *metav1.Time `json:"summarySince,omitempty"`
	// Conditions say how the set is: Ready, Reconciling, Stalled, Progressing, UpdateLimited, Injected.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// UninjectedPod is a Pod that a set matches but that has no sidecar of it.
type UninjectedPod struct {
	// Namespace of the Pod.
	Namespace string `json:"namespace"`
	// Name of the Pod.
	Name string `json:"name"`
	// Reason, one word.
	Reason string `json:"reason"`
}

// WaitingPods are Pods that wait for their update for the same reason.
type WaitingPods struct {
	// Reason, one word: MaxUnavailable, Topology, ImagePulling, ImageUnavailable, Hook, HookTimeout,
	// WorkloadUnavailable, DisruptionBudget, InFlight, KubeletUnknown.
	Reason string `json:"reason"`
	// Pods is how many they are.
	Pods int32 `json:"pods"`
	// First names one of them: <namespace>/<name>.
	First string `json:"first"`
}
