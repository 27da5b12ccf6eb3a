// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SidecarSetSpec says which Pods get which sidecars, and how new sidecar images reach the Pods that run already.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.containers) && size(self.containers) > 0) || (has(self.initContainers) && size(self.initContainers) > 0)`,message="needs at least one entry in containers or initContainers"
// +kubebuilder:validation:XValidation:rule=`!has(self.containers) || !has(self.initContainers) || !self.containers.exists(c, self.initContainers.exists(i, i.name == c.name))`,fieldPath=".initContainers",message="one of the names is taken by an entry of spec.containers; the names of containers and initContainers together must be unique"
// +kubebuilder:validation:XValidation:rule=`!has(self.updateStrategy) || self.updateStrategy.type != 'RollingUpdate' || !has(self.updateStrategy.selector) || !has(self.updateStrategy.partition) || (type(self.updateStrategy.partition) == int && self.updateStrategy.partition == 0) || (has(self.injectionStrategy) && has(self.injectionStrategy.revision) && self.injectionStrategy.revision.policy == 'Partial')`,fieldPath=".updateStrategy.partition",reason=FieldValueForbidden,message="cannot be combined with selector; remove one of the two"
// +kubebuilder:validation:XValidation:rule=`has(self.selector)`,fieldPath=".selector",reason=FieldValueRequired,message="must say which Pods get the sidecars: give at least one entry in matchLabels or matchExpressions"
type SidecarSetSpec struct {
	// Selector picks the Pods to inject by their labels. It must be given and must not be empty.
	// +kubebuilder:validation:XValidation:rule=`(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)`,message="must not be empty: it would match every Pod; give at least one entry in matchLabels or matchExpressions"
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// Namespace limits the set to the Pods of one namespace. It is the v1alpha1 way of writing a namespaceSelector on
	// kubernetes.io/metadata.name, and wins over NamespaceSelector when both are given.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// NamespaceSelector picks namespaces by their labels. Absent: all namespaces. Present, it must not be empty.
	// +kubebuilder:validation:XValidation:rule=`(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)`,message="must not be empty: leave it out to reach all namespaces; give at least one entry in matchLabels or matchExpressions"
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// InitContainers are injected when a Pod is created. One with restartPolicy Always is a native sidecar. At most
	// 128.
	// +kubebuilder:validation:MaxItems=128
	// +listType=map
	// +listMapKey=name
	// +optional
	InitContainers []SidecarContainer `json:"initContainers,omitempty"`

	// Containers are the sidecars: ordinary containers of the Pod. At most 128.
	// +kubebuilder:validation:MaxItems=128
	// +listType=map
	// +listMapKey=name
	// +optional
	Containers []SidecarContainer `json:"containers,omitempty"`

	// Volumes is the catalogue that the sidecars mount from. Only volumes that an injected sidecar mounts itself are
	// added to a Pod.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Volumes []corev1.Volume `json:"volumes,omitempty"`

	// UpdateStrategy says how running Pods get a new version of the sidecars.
	// +kubebuilder:default={}
	// +optional
	UpdateStrategy SidecarSetUpdateStrategy `json:"updateStrategy,omitempty"`

	// Lifecycle holds hooks around the update of a running Pod.
	// +optional
	Lifecycle *SidecarSetLifecycle `json:"lifecycle,omitempty"`

	// InjectionStrategy says what newly created Pods get.
	// +optional
	InjectionStrategy SidecarSetInjectionStrategy `json:"injectionStrategy,omitempty"`

	// ImagePullSecrets are added to the Pod's own when it is created.
	// +listType=map
	// +listMapKey=name
	// +optional
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// RevisionHistoryLimit is how many revisions are kept, the latest included. At least 1 is kept. Default 10.
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`

	// PatchPodMetadata are annotations that are written to the Pods.
	// +listType=atomic
	// +optional
	PatchPodMetadata []SidecarSetPatchPodMetadata `json:"patchPodMetadata,omitempty"`

	// CustomVersion names this version of the set, for injectionStrategy.revision.customVersion. In v1alpha1 it is the
	// label apps.kruise.io/sidecarset-custom-version.
	// +optional
	CustomVersion string `json:"customVersion,omitempty"`

	// ProgressDeadlineSeconds is how long, in seconds, a rollout may go without progress before the condition Stalled
	// says so. Nothing is undone. Default 600.
	// +kubebuilder:default=600
	// +kubebuilder:validation:Minimum=1
	// +optional
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`

	// RepairPolicy says what happens to matched Pods that carry no sidecar: None counts them, Recreate evicts those
	// that a controller will make again. Default None.
	// +kubebuilder:default=None
	// +optional
	RepairPolicy SidecarSetRepairPolicy `json:"repairPolicy,omitempty"`
}

// SidecarSet injects sidecars into the Pods it selects, and rolls new sidecar images out inside the running Pods.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=sidecarsets,singular=sidecarset,scope=Cluster,categories=windlass
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="MATCHED",type=integer,JSONPath=`.status.matchedPods`,description="How many Pods carry the sidecars"
// +kubebuilder:printcolumn:name="UPDATED",type=integer,JSONPath=`.status.updatedPods`,description="How many of them are at the current version"
// +kubebuilder:printcolumn:name="READY",type=integer,JSONPath=`.status.readyPods`,description="How many of them are Ready"
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since the creation of the object"
// +kubebuilder:printcolumn:name="STATUS",type=string,JSONPath=`.status.summary`,description="How it is, in a few words"
// +kubebuilder:printcolumn:name="SINCE",type=date,JSONPath=`.status.summarySince`,description="For how long it has been so"
// +kubebuilder:printcolumn:name="UNINJECTED",type=integer,priority=1,JSONPath=`.status.uninjectedPods`,description="How many matching Pods carry no sidecar"
// +kubebuilder:printcolumn:name="STRATEGY",type=string,priority=1,JSONPath=`.spec.updateStrategy.type`,description="How running Pods get a new version"
// +kubebuilder:printcolumn:name="PAUSED",type=boolean,priority=1,JSONPath=`.spec.updateStrategy.paused`,description="Whether the rollout is paused"
// +kubebuilder:printcolumn:name="REASON",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why the set is ready or not"
// +kubebuilder:validation:XValidation:rule=`size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')`,messageExpression=`'metadata.name is "' + self.metadata.name + '"; allowed are at most 63 letters, digits and dashes, no dots'`
type SidecarSet struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec SidecarSetSpec `json:"spec,omitempty"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status SidecarSetStatus `json:"status,omitempty"`
}

// SidecarSetList is a list of SidecarSets.
//
// +kubebuilder:object:root=true
type SidecarSetList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SidecarSet `json:"items"`
}
