// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// SchedPatchSpec says which Pods get which scheduling rules.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.ttlSeconds) || !has(self.expiresAt)`,fieldPath=".ttlSeconds",reason=FieldValueForbidden,message="cannot be combined with expiresAt; remove one of the two"
type SchedPatchSpec struct {
	// TargetRef names the workload, in the namespace of this object, whose Pods are patched. It need not exist yet.
	TargetRef TargetReference `json:"targetRef"`

	// PodSelector narrows the patch to the Pods of the target that carry these labels. Absent or empty: all Pods of the
	// target.
	// +optional
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`

	// Priority orders several patches of one Pod: higher ones first, equal ones by name. Default 0.
	// +kubebuilder:default=0
	// +optional
	Priority int32 `json:"priority"`

	// Mode is Active (new Pods are patched) or Preview (nothing is patched; status.preview says what would be). Default
	// Active.
	// +kubebuilder:default=Active
	// +optional
	Mode SchedPatchMode `json:"mode,omitempty"`

	// OnConflict says what happens to a Pod whose nodeSelector has another value for a key of this patch, or whose node
	// selector and required node affinity no node could ever meet together with this patch's: Skip creates it
	// unpatched, Reject denies it. Default Skip.
	// +kubebuilder:default=Skip
	// +optional
	OnConflict SchedPatchConflictPolicy `json:"onConflict,omitempty"`

	// MaxPods is how many Pods may carry the patch at a time, at least 1: a canary. Best effort, as Pods are created in
	// parallel. Absent: no limit.
	// +kubebuilder:validation:Minimum=1
	// +optional
	MaxPods *int32 `json:"maxPods,omitempty"`

	// TTLSeconds is how long, in seconds after the creation of this object, new Pods are patched. Not together with
	// expiresAt. Absent: no end.
	// +kubebuilder:validation:Minimum=1
	// +optional
	TTLSeconds *int32 `json:"ttlSeconds,omitempty"`

	// ExpiresAt is the time until which new Pods are patched. Not together with ttlSeconds. Absent: no end.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// Affinity is added to the Pod's own. A required node affinity narrows what the Pod allows already; at most 64
	// terms.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// Tolerations are added to the Pod's own unless those cover them.
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// NodeSelector is added to the Pod's own. A key that the Pod has with another value is a conflict, and never
	// overridden.
	// +kubebuilder:validation:MaxProperties=256
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
}

// TargetReference names a workload in the same namespace.
//
// +kubebuilder:validation:XValidation:rule=`self.kind != 'DaemonSet'`,fieldPath=".kind",message="DaemonSet is not supported: its controller picks the node before admission"
type TargetReference struct {
	// APIVersion of the workload, such as apps/v1 or apps.kruise.io/v1beta1.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=316
	APIVersion string `json:"apiVersion"`
	// Kind of the workload: StatefulSet, Deployment, ReplicaSet, Job, CronJob, or any other kind that owns its Pods
	// itself or through one owner. Not DaemonSet.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// Name of the workload.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// SchedPatchMode says whether Pods are patched.
// +kubebuilder:validation:Enum=Active;Preview
type SchedPatchMode string

const (
	// SchedPatchActive patches new Pods.
	SchedPatchActive SchedPatchMode = "Active"
	// SchedPatchPreview patches nothing and reports what would be.
	SchedPatchPreview SchedPatchMode = "Preview"
)

// SchedPatchConflictPolicy says what happens to a Pod that contradicts a patch.
// +kubebuilder:validation:Enum=Skip;Reject
type SchedPatchConflictPolicy string

const (
	// SchedPatchConflictSkip creates the Pod without the patch.
	SchedPatchConflictSkip SchedPatchConflictPolicy = "Skip"
	// SchedPatchConflictReject denies the Pod, naming the rules of both.
	SchedPatchConflictReject SchedPatchConflictPolicy = "Reject"
)

// SchedPatchStatus is what the operator saw last.
type SchedPatchStatus struct {
	// ObservedGeneration is the metadata.generation that this status speaks of.
	// -1: no one has looked yet.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// MatchedPods is how many live Pods the target (and podSelector) has.
	// +optional
	MatchedPods int32 `json:"matchedPods"`
	// PatchedPods is how many of them carry this patch.
	// +optional
	PatchedPods int32 `json:"patchedPods"`
	// SkippedPods is how many of them were created without it since activeSince because they contradict it, or because
	// the webhook did not answer. Pods beyond maxPods are not meant.
	// +optional
	SkippedPods int32 `json:"skippedPods"`
	// ActiveSince is from when on new Pods are expected to carry the patch: the last change of its spec or, if that is
	// later, the last time that fewer Pods than maxPods carried it again.
	// +optional
	ActiveSince *metav1.Time `json:"activeSince,omitempty"`
	// ChangedPods names Pods that carry this patch, newest first: at most 100, and never so many that the status
	// exceeds 32 KiB.
	// +kubebuilder:validation:MaxItems=100
	// +listType=map
	// +listMapKey=uid
	// +optional
	ChangedPods []ChangedPod `json:"changedPods,omitempty"`
	// Truncated is true when more Pods carry this patch than changedPods names. kubectl get pods -l
	// sched-patch.apps.kruise.io/<name> lists them all.
	// +optional
	Truncated bool `json:"truncated,omitempty"`
	// Preview says, in mode Preview, what would happen to a Pod made now.
	// +optional
	Preview *SchedPatchPreviewStatus `json:"preview,omitempty"`
	// ExpiresAt is when this patch ends.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// Summary says in a few words how it is: Active, Expired, Stalled: Conflict. Programs read the conditions.
	// +optional
	Summary string `json:"summary,omitempty"`
	// SummarySince is since when summary has begun with the word that it does.
	// +optional
	SummarySince *metav1.Time `json:"summarySince,omitempty"`
	// Conditions say how the patch is: Ready, Reconciling, Stalled, Expired.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ChangedPod is a Pod that carries the patch.
type ChangedPod struct {
	// Name of the Pod.
	Name string `json:"name"`
	// UID of the Pod.
	UID types.UID `json:"uid"`
	// Time of the Pod's creation.
	// +optional
	Time metav1.Time `json:"time,omitempty"`
	// Hash of the patch that the Pod carries.
	// +optional
	Hash string `json:"hash,omitempty"`
	// Node that the Pod runs on.
	// +optional
	Node string `json:"node,omitempty"`
}

// SchedPatchPreviewStatus says what would happen to a Pod made from the target's template now.
type SchedPatchPreviewStatus struct {
	// Affinity the Pod would have.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// Tolerations the Pod would have.
	// +listType=atomic
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// NodeSelector the Pod would have.
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// EligibleNodesBefore is how many nodes could run the Pod without the patch.
	// +optional
	EligibleNodesBefore int32 `json:"eligibleNodesBefore"`
	// EligibleNodesAfter is how many nodes could run the Pod with the patch.
	// +optional
	EligibleNodesAfter int32 `json:"eligibleNodesAfter"`
	// EligibleNodes names up to 10 nodes that could run the Pod with the patch.
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	// +optional
	EligibleNodes []string `json:"eligibleNodes,omitempty"`
	// Conflicts say which rules of the Pod contradict the patch.
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	// +optional
	Conflicts []string `json:"conflicts,omitempty"`
	// Warnings say what else is worth knowing, such as that no node is left.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Warnings []string `json:"warnings,omitempty"`
}

// SchedPatch adds scheduling rules to the Pods that one workload creates, at their creation. The workload's template is
// not changed and nothing rolls.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=schedpatches,singular=schedpatch,shortName=sp,categories={windlass,all}
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="TARGET",type=string,JSONPath=`.spec.targetRef.name`,description="Workload whose Pods are patched"
// +kubebuilder:printcolumn:name="MODE",type=string,JSONPath=`.spec.mode`,description="Whether Pods are patched"
// +kubebuilder:printcolumn:name="MATCHED",type=integer,JSONPath=`.status.matchedPods`,description="How many Pods the target has"
// +kubebuilder:printcolumn:name="PATCHED",type=integer,JSONPath=`.status.patchedPods`,description="How many of them carry the patch"
// +kubebuilder:printcolumn:name="SKIPPED",type=integer,JSONPath=`.status.skippedPods`,description="How many of them were created without it"
// +kubebuilder:printcolumn:name="EXPIRES",type=string,JSONPath=`.status.expiresAt`,description="When the patch ends"
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since the creation of the object"
// +kubebuilder:printcolumn:name="STATUS",type=string,JSONPath=`.status.summary`,description="How it is, in a few words"
// +kubebuilder:printcolumn:name="SINCE",type=date,JSONPath=`.status.summarySince`,description="For how long it has been so"
// +kubebuilder:printcolumn:name="KIND",type=string,priority=1,JSONPath=`.spec.targetRef.kind`,description="Kind of the target"
// +kubebuilder:printcolumn:name="REASON",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why the patch is ready or not"
type SchedPatch struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec SchedPatchSpec `json:"spec,omitempty"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status SchedPatchStatus `json:"status,omitempty"`
}

// SchedPatchList is a list of SchedPatches.
//
// +kubebuilder:object:root=true
type SchedPatchList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SchedPatch `json:"items"`
}
