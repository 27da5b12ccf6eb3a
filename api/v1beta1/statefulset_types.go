// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// StatefulSetSpec is the wish: how many Pods, made from what, changed how.
//
// ---
// The rules here are those that one object can be judged by. The Pod template is checked by the admission webhook, and
// by the API server when Pods are made.
//
// +kubebuilder:validation:XValidation:rule=`self.selector == oldSelf.selector`,fieldPath=".selector",reason=FieldValueForbidden,message="is immutable; to change it, delete the StatefulSet with --cascade=orphan and create it again"
// +kubebuilder:validation:XValidation:rule=`self.podManagementPolicy == oldSelf.podManagementPolicy`,fieldPath=".podManagementPolicy",reason=FieldValueForbidden,messageExpression=`'is immutable: it is ' + oldSelf.podManagementPolicy + '; to change it, delete the StatefulSet with --cascade=orphan and create it again'`
// +kubebuilder:validation:XValidation:rule=`(has(self.serviceName) ? self.serviceName : "") == (has(oldSelf.serviceName) ? oldSelf.serviceName : "")`,fieldPath=".serviceName",reason=FieldValueForbidden,messageExpression=`'is immutable: it is "' + (has(oldSelf.serviceName) ? oldSelf.serviceName : "") + '"; to change it, delete the StatefulSet with --cascade=orphan and create it again'`
// +kubebuilder:validation:XValidation:rule=`self.podManagementPolicy == 'Parallel' || !has(self.updateStrategy.rollingUpdate.unorderedUpdate)`,fieldPath=".updateStrategy.rollingUpdate.unorderedUpdate",reason=FieldValueForbidden,message="needs podManagementPolicy Parallel; remove it, or make a StatefulSet with Parallel"
// +kubebuilder:validation:XValidation:rule=`self.podManagementPolicy == 'Parallel' || !has(self.scaleStrategy) || !has(self.scaleStrategy.maxUnavailable) || self.scaleStrategy.maxUnavailable == 1`,fieldPath=".scaleStrategy.maxUnavailable",reason=FieldValueForbidden,message="other than 1 needs podManagementPolicy Parallel: OrderedReady starts one Pod after the other"
// +kubebuilder:validation:XValidation:rule=`!has(self.autoRemediation) || !self.autoRemediation.enabled || self.autoRemediation.stuckSeconds < self.progressDeadlineSeconds`,fieldPath=".autoRemediation.stuckSeconds",reason=FieldValueInvalid,message="must be less than spec.progressDeadlineSeconds, which defaults to 600"
type StatefulSetSpec struct {
	// Replicas is how many Pods there should be: 0 to 100000. Default 1. Leave it out of manifests when an autoscaler
	// owns it.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// Selector picks the Pods of this set by their labels. It must not be empty, must match the labels of the template,
	// and cannot be changed.
	// +kubebuilder:validation:XValidation:rule=`(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)`,message="must not be empty: it would match every Pod; give at least one entry in matchLabels or matchExpressions"
	Selector *metav1.LabelSelector `json:"selector"`

	// Template is what Pods are made from. It is a Pod template as in apps/v1 (see kubectl explain
	// statefulsets.apps.spec.template); fields that this version of Windlass does not know are kept.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Template corev1.PodTemplateSpec `json:"template"`

	// VolumeClaimTemplates are claims that every Pod gets for itself, named <template>-<set>-<ordinal>. Each is a
	// PersistentVolumeClaim.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	VolumeClaimTemplates []corev1.PersistentVolumeClaim `json:"volumeClaimTemplates,omitempty"`

	// VolumeClaimUpdateStrategy says how a changed claim template reaches the claims that exist.
	// +kubebuilder:default={}
	// +optional
	VolumeClaimUpdateStrategy VolumeClaimUpdateStrategy `json:"volumeClaimUpdateStrategy,omitempty"`

	// ServiceName is the headless Service that gives the Pods their DNS names: <pod>.<serviceName>.<namespace>.svc. It
	// cannot be changed.
	// +optional
	ServiceName string `json:"serviceName,omitempty"`

	// PodManagementPolicy is OrderedReady (one Pod after the other, each waiting for the one before to be available) or
	// Parallel (all at once). Default OrderedReady. It cannot be changed.
	// +kubebuilder:default=OrderedReady
	// +kubebuilder:validation:Enum=OrderedReady;Parallel
	// +optional
	PodManagementPolicy appsv1.PodManagementPolicyType `json:"podManagementPolicy,omitempty"`

	// UpdateStrategy says how a changed template reaches running Pods.
	// +kubebuilder:default={}
	// +optional
	UpdateStrategy StatefulSetUpdateStrategy `json:"updateStrategy,omitempty"`

	// RevisionHistoryLimit is how many revisions that no Pod uses are kept for rolling back. Default 10.
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`

	// ReserveOrdinals are ordinals that get no Pod: single ones (3) or ranges ("5-8"). Replicas still counts Pods, so
	// others take their place.
	// +kubebuilder:validation:MaxItems=4096
	// +listType=atomic
	// +optional
	ReserveOrdinals []intstr.IntOrString `json:"reserveOrdinals,omitempty"`

	// Lifecycle holds hooks around the making, changing and deleting of Pods.
	// +optional
	Lifecycle *Lifecycle `json:"lifecycle,omitempty"`

	// ScaleStrategy limits how fast the set scales.
	// +optional
	ScaleStrategy *StatefulSetScaleStrategy `json:"scaleStrategy,omitempty"`

	// PersistentVolumeClaimRetentionPolicy says when claims made from volumeClaimTemplates are deleted. Default: never.
	// +kubebuilder:default={}
	// +optional
	PersistentVolumeClaimRetentionPolicy *StatefulSetPersistentVolumeClaimRetentionPolicy `json:"persistentVolumeClaimRetentionPolicy,omitempty"`

	// Ordinals moves the range of ordinals.
	// +optional
	Ordinals *StatefulSetOrdinals `json:"ordinals,omitempty"`

	// MinReadySeconds is how long, in seconds, a Pod must be Ready before it counts as available. Default 0. Where
	// rollingUpdate.minReadySeconds is given too, the larger of the two holds.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MinReadySeconds int32 `json:"minReadySeconds,omitempty"`

	// ProgressDeadlineSeconds is how long, in seconds, a rollout may go without progress before Progressing=False and
	// Stalled=True say so. Nothing is deleted or undone. Default 600.
	// +kubebuilder:default=600
	// +kubebuilder:validation:Minimum=1
	// +optional
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`

	// AutoRemediation moves Pods that cannot start because of their node to another node. Off unless enabled.
	// +optional
	AutoRemediation *AutoRemediation `json:"autoRemediation,omitempty"`
}

// StatefulSetOrdinals moves the range of ordinals.
type StatefulSetOrdinals struct {
	// Start is the ordinal of the first Pod. Default 0.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +optional
	Start int32 `json:"start"`
}

// StatefulSetScaleStrategy limits how fast the set scales.
type StatefulSetScaleStrategy struct {
	// MaxUnavailable is how many Pods, or what percentage of replicas (rounded down, at least 1), may be unavailable
	// while Pods are being made. Other than 1 it needs podManagementPolicy Parallel. Absent: no limit.
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 1 : self.matches('^([1-9][0-9]?|100)%$')`,messageExpression=`'is ' + (type(self) == int ? string(self) : '"' + self + '"') + '; allowed are a number of Pods from 1 up, or a percentage from "1%" to "100%"'`
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
}

// StatefulSet runs Pods with an identity and storage of their own, like apps/v1, and changes them in place, in parallel
// and without getting stuck.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=statefulsets,singular=statefulset,shortName=asts,categories={windlass,all}
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.labelSelector
// +kubebuilder:printcolumn:name="DESIRED",type=integer,JSONPath=`.spec.replicas`,description="How many Pods there should be"
// +kubebuilder:printcolumn:name="CURRENT",type=integer,JSONPath=`.status.replicas`,description="How many Pods there are"
// +kubebuilder:printcolumn:name="UPDATED",type=integer,JSONPath=`.status.updatedReplicas`,description="How many Pods are at the newest revision"
// +kubebuilder:printcolumn:name="READY",type=integer,JSONPath=`.status.readyReplicas`,description="How many Pods are Ready"
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since the creation of the object"
// +kubebuilder:printcolumn:name="STATUS",type=string,JSONPath=`.status.summary`,description="How it is, in a few words"
// +kubebuilder:printcolumn:name="SINCE",type=date,JSONPath=`.status.summarySince`,description="For how long it has been so"
// +kubebuilder:printcolumn:name="CONTAINERS",type=string,priority=1,JSONPath=`.spec.template.spec.containers[*].name`,description="Containers of the template"
// +kubebuilder:printcolumn:name="IMAGES",type=string,priority=1,JSONPath=`.spec.template.spec.containers[*].image`,description="Images of the template"
type StatefulSet struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec StatefulSetSpec `json:"spec,omitempty"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status StatefulSetStatus `json:"status,omitempty"`
}

// StatefulSetList is a list of StatefulSets.
//
// +kubebuilder:object:root=true
type StatefulSetList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []StatefulSet `json:"items"`
}
