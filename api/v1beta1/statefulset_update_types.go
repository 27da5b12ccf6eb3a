// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// StatefulSetUpdateStrategy says how a changed template reaches running Pods.
type StatefulSetUpdateStrategy struct {
	// Type is RollingUpdate (the operator changes or replaces Pods) or OnDelete (a Pod changes when somebody deletes
	// it). Default RollingUpdate.
	// +kubebuilder:default=RollingUpdate
	// +kubebuilder:validation:Enum=RollingUpdate;OnDelete
	// +optional
	Type appsv1.StatefulSetUpdateStrategyType `json:"type,omitempty"`

	// RollingUpdate holds the settings of RollingUpdate. It is filled in for OnDelete too, where only its
	// minReadySeconds has an effect.
	// +kubebuilder:default={}
	// +optional
	RollingUpdate *RollingUpdateStatefulSetStrategy `json:"rollingUpdate,omitempty"`
}

// PodUpdatePolicyType says whether Pods are changed in place or replaced.
// +kubebuilder:validation:Enum=ReCreate;InPlaceIfPossible;InPlaceOnly
type PodUpdatePolicyType string

const (
	// ReCreatePodUpdatePolicy deletes the old Pod and makes a new one.
	ReCreatePodUpdatePolicy PodUpdatePolicyType = "ReCreate"
	// InPlaceIfPossiblePodUpdatePolicy changes the Pod in place where every change can be made so, and replaces it
	// otherwise.
	InPlaceIfPossiblePodUpdatePolicy PodUpdatePolicyType = "InPlaceIfPossible"
	// InPlaceOnlyPodUpdatePolicy changes the Pod in place; changes that cannot be made so are refused.
	InPlaceOnlyPodUpdatePolicy PodUpdatePolicyType = "InPlaceOnly"
)

// RollingUpdateStatefulSetStrategy holds the settings of RollingUpdate.
type RollingUpdateStatefulSetStrategy struct {
	// Partition is how many Pods stay at the old revision: those with the lowest ordinals or, with unorderedUpdate, the
	// last ones in its order. Default 0.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +optional
	Partition *int32 `json:"partition,omitempty"`

	// MaxUnavailable is how many Pods, or what percentage of replicas (rounded down, at least 1), may be unavailable
	// because of the update. Default 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 1 : self.matches('^([1-9][0-9]?|100)%$')`,messageExpression=`'is ' + (type(self) == int ? string(self) : '"' + self + '"') + '; allowed are a number of Pods from 1 up, or a percentage from "1%" to "100%"'`
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// PodUpdatePolicy is ReCreate, InPlaceIfPossible or InPlaceOnly. Default ReCreate.
	// +kubebuilder:default=ReCreate
	// +optional
	PodUpdatePolicy PodUpdatePolicyType `json:"podUpdatePolicy,omitempty"`

	// Paused stops the update of Pods; scaling goes on. Default false.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// UnorderedUpdate updates Pods by priority instead of by ordinal. Its presence alone, as {}, lifts the order. It
	// needs podManagementPolicy Parallel.
	// +optional
	UnorderedUpdate *UnorderedUpdateStrategy `json:"unorderedUpdate,omitempty"`

	// InPlaceUpdateStrategy holds the settings of changes made in place.
	// +optional
	InPlaceUpdateStrategy *InPlaceUpdateStrategy `json:"inPlaceUpdateStrategy,omitempty"`

	// DisruptionBudgets is Respect (a restart in place, and the deletion of a Pod that serves, ask the Pod's
	// PodDisruptionBudgets) or Ignore. Default Ignore, as StatefulSets of apps/v1 do.
	// +optional
	DisruptionBudgets DisruptionBudgetPolicy `json:"disruptionBudgets,omitempty"`

	// MinReadySeconds is how long, in seconds, a Pod must be Ready before it counts as available: 0 to 300. Default 0.
	// Where spec.minReadySeconds is given too, the larger of the two holds.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=300
	// +optional
	MinReadySeconds *int32 `json:"minReadySeconds,omitempty"`
}

// UnorderedUpdateStrategy updates Pods by priority instead of by ordinal.
type UnorderedUpdateStrategy struct {
	// PriorityStrategy orders the Pods to update. Absent: highest ordinal first.
	// +optional
	PriorityStrategy *UpdatePriorityStrategy `json:"priorityStrategy,omitempty"`
}

// InPlaceUpdateStrategy holds the settings of changes made in place.
type InPlaceUpdateStrategy struct {
	// GracePeriodSeconds is how long, in seconds, a Pod is kept NotReady before its containers change, so that traffic
	// drains. Default 0.
	// +kubebuilder:validation:Minimum=0
	// +optional
	GracePeriodSeconds int32 `json:"gracePeriodSeconds,omitempty"`

	// ImagePreDownloadParallelism is how many nodes pull a new image at a time, or what percentage of the nodes with Pods
	// to update (at least 1). Any of the three imagePreDownload fields has each Pod wait for its node to have the image
	// before it is changed in place. Default 10.
	// +optional
	ImagePreDownloadParallelism *intstr.IntOrString `json:"imagePreDownloadParallelism,omitempty"`

	// ImagePreDownloadTimeoutSeconds is how long one pull may take, in seconds. Default 600.
	// +optional
	ImagePreDownloadTimeoutSeconds *int32 `json:"imagePreDownloadTimeoutSeconds,omitempty"`

	// ImagePreDownloadMinUpdatedReadyPods is how many Pods, or what percentage of replicas, are updated and ready before
	// nodes besides the first one pull ahead. Default 0.
	// +optional
	ImagePreDownloadMinUpdatedReadyPods *intstr.IntOrString `json:"imagePreDownloadMinUpdatedReadyPods,omitempty"`
}
