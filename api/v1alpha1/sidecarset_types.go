// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// SidecarSet injects sidecars into the Pods it selects, and rolls new sidecar images out inside the running Pods. Both
// versions hold the same fields; v1beta1 is the one to write.
//
// +kubebuilder:object:root=true
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
	Spec v1beta1.SidecarSetSpec `json:"spec,omitempty"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status v1beta1.SidecarSetStatus `json:"status,omitempty"`
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
