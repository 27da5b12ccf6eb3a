// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// SidecarSetRepairPolicy says what happens to matched Pods without sidecar.
// +kubebuilder:validation:Enum=None;Recreate
type SidecarSetRepairPolicy string

const (
	// RepairNone counts Pods that miss the sidecar and leaves them alone.
	RepairNone SidecarSetRepairPolicy = "None"
	// RepairRecreate evicts Pods that miss the sidecar, within maxUnavailable and PodDisruptionBudgets, when a
	// controller will make them again.
	RepairRecreate SidecarSetRepairPolicy = "Recreate"
)

// SidecarSetUpdateStrategyType says whether running Pods are updated.
// +kubebuilder:validation:Enum=NotUpdate;RollingUpdate
type SidecarSetUpdateStrategyType string

const (
	// NotUpdateSidecarSetStrategyType leaves running Pods as they are.
	NotUpdateSidecarSetStrategyType SidecarSetUpdateStrategyType = "NotUpdate"
	// RollingUpdateSidecarSetStrategyType changes running Pods in place.
	RollingUpdateSidecarSetStrategyType SidecarSetUpdateStrategyType = "RollingUpdate"
)

// SidecarSetUpdateStrategy says how running Pods get a new version.
//
// +kubebuilder:validation:XValidation:rule=`self.type != 'RollingUpdate' || !has(self.selector) || (has(self.selector.matchLabels) && size(self.selector.matchLabels) > 0) || (has(self.selector.matchExpressions) && size(self.selector.matchExpressions) > 0)`,fieldPath=".selector",message="must not be empty: leave it out to update all matched Pods"
type SidecarSetUpdateStrategy struct {
	// Type is NotUpdate or RollingUpdate. Default RollingUpdate.
	// +kubebuilder:default=RollingUpdate
	// +optional
	Type SidecarSetUpdateStrategyType `json:"type,omitempty"`

	// Paused stops the update of running Pods.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// Selector limits the update to the matched Pods that it matches too.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// Partition is how many (or what percentage) of the matched Pods stay at the old version. Default 0.
	// +kubebuilder:default=0
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 : self.matches('^([0-9]{1,2}|100)%$')`,messageExpression=`'is ' + (type(self) == int ? string(self) : '"' + self + '"') + '; allowed are a number of Pods from 0 up, or a percentage from "0%" to "100%"'`
	// +optional
	Partition *intstr.IntOrString `json:"partition,omitempty"`

	// MaxUnavailable is how many (or what percentage, rounded up) of the matched Pods may be unavailable because of the
	// update. 0 lets no Pod that serves be updated. Default 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 : self.matches('^([0-9]{1,2}|100)%$')`,messageExpression=`'is ' + (type(self) == int ? string(self) : '"' + self + '"') + '; allowed are a number of Pods from 0 up, or a percentage from "0%" to "100%"'`
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// MaxUnavailablePerWorkload is how many (or what percentage, rounded down, at least 1) of the matched Pods of one
	// workload may be down, for whatever reason, for one more of them to be restarted. "100%" means no limit. Absent:
	// all but one, so that the last Pod of a workload that serves is never taken; a workload of one Pod has none to keep.
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 1 : self.matches('^([1-9][0-9]?|100)%$')`,messageExpression=`'is ' + (type(self) == int ? string(self) : '"' + self + '"') + '; allowed are a number from 1 up, or a percentage from "1%" to "100%"'`
	// +optional
	MaxUnavailablePerWorkload *intstr.IntOrString `json:"maxUnavailablePerWorkload,omitempty"`

	// DisruptionBudgets is Respect (no Pod is restarted that its PodDisruptionBudgets would not let be evicted) or Ignore.
	// Default Respect.
	// +optional
	DisruptionBudgets DisruptionBudgetPolicy `json:"disruptionBudgets,omitempty"`

	// TopologyKey is the key of a label of Nodes, such as topology.kubernetes.io/zone. The Pods of one value of it after
	// the other are updated, in the order of the values; those on nodes without the label come last. Absent: no order.
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule=`self == '' || self.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$')`,messageExpression=`'is "' + self + '"; allowed is the key of a label of Nodes, such as topology.kubernetes.io/zone'`
	// +optional
	TopologyKey string `json:"topologyKey,omitempty"`

	// MinReadySeconds is how long, in seconds, an updated Pod must have served before it gives its share of the budgets
	// back and counts as ready: 0 to 3600. Default 0.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	// +optional
	MinReadySeconds int32 `json:"minReadySeconds,omitempty"`

	// GracePeriodSeconds is how long, in seconds, a Pod that serves is kept NotReady before a container of it restarts,
	// so that traffic drains: 0 to 3600. It works in Pods that were created while it, or markPodNotReady, was set.
	// Default 0: no draining.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	// +optional
	GracePeriodSeconds int32 `json:"gracePeriodSeconds,omitempty"`

	// ImagePreDownload says whether nodes pull new images before containers restart with them.
	// +optional
	ImagePreDownload *SidecarSetImagePreDownload `json:"imagePreDownload,omitempty"`

	// PriorityStrategy orders the Pods to update.
	// +optional
	PriorityStrategy *UpdatePriorityStrategy `json:"priorityStrategy,omitempty"`

	// ScatterStrategy spreads Pods that carry the given labels evenly over the rollout.
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=key
	// +listMapKey=value
	// +optional
	ScatterStrategy UpdateScatterStrategy `json:"scatterStrategy,omitempty"`

	// AutoPauseOnFailure sets the rollout to rest when updated Pods fail: a sidecar of theirs cannot run (it crashes
	// again and again, its image cannot be pulled). Only Pods that served before their update count. Where the set
	// matches Pods of several namespaces, Pods of two of them must have failed; else, where it matches several
	// workloads, Pods of two of those; else one Pod. Until then failed Pods take up their shares of maxUnavailable.
	// Default false.
	// +optional
	AutoPauseOnFailure bool `json:"autoPauseOnFailure,omitempty"`
}

// DisruptionBudgetPolicy says whether restarts ask the PodDisruptionBudgets of a Pod.
// +kubebuilder:validation:Enum=Respect;Ignore
type DisruptionBudgetPolicy string

const (
	// RespectDisruptionBudgets restarts no Pod that its PodDisruptionBudgets would not let be evicted.
	RespectDisruptionBudgets DisruptionBudgetPolicy = "Respect"
	// IgnoreDisruptionBudgets does not look at them.
	IgnoreDisruptionBudgets DisruptionBudgetPolicy = "Ignore"
)

// ImagePreDownloadPolicy says on which nodes an image must have been pulled before a container restarts with it.
// +kubebuilder:validation:Enum=Off;FirstNode;EveryNode
type ImagePreDownloadPolicy string

const (
	// ImagePreDownloadOff asks for no pull ahead of the restart.
	ImagePreDownloadOff ImagePreDownloadPolicy = "Off"
	// ImagePreDownloadFirstNode has one node pull a new image before the first container restarts with it.
	ImagePreDownloadFirstNode ImagePreDownloadPolicy = "FirstNode"
	// ImagePreDownloadEveryNode besides has each Pod wait until its own node has the image.
	ImagePreDownloadEveryNode ImagePreDownloadPolicy = "EveryNode"
)

// SidecarSetImagePreDownload says whether nodes pull new images before containers restart with them. Nothing of the
// image runs for it.
type SidecarSetImagePreDownload struct {
	// Policy is Off, FirstNode (one node must have a new image before the first container restarts with it) or EveryNode
	// (besides, each Pod waits until its own node has it). Absent: the operator's default, FirstNode unless the chart says
	// otherwise. YAML wants quotes around "Off".
	// +optional
	Policy ImagePreDownloadPolicy `json:"policy,omitempty"`

	// Parallelism is how many nodes pull at a time: 1 to 100. Default 10.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	Parallelism *int32 `json:"parallelism,omitempty"`

	// TimeoutSeconds is how long one pull may take, in seconds: 30 to 7200. Default 600.
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=7200
	// +optional
	TimeoutSeconds *int32 `json:"timeoutSeconds,omitempty"`
}

// UpdatePriorityStrategy orders Pods, by weight or by label, not both.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.orderPriority) || size(self.orderPriority) == 0 || !has(self.weightPriority) || size(self.weightPriority) == 0`,message="has both orderPriority and weightPriority; keep one of the two"
type UpdatePriorityStrategy struct {
	// OrderPriority orders by the value of labels.
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	// +optional
	OrderPriority []UpdatePriorityOrderTerm `json:"orderPriority,omitempty"`
	// WeightPriority orders by the sum of the weights of the terms that match.
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	// +optional
	WeightPriority []UpdatePriorityWeightTerm `json:"weightPriority,omitempty"`
}

// UpdatePriorityOrderTerm names a label.
type UpdatePriorityOrderTerm struct {
	// OrderedKey is the key of a label whose value ends in a number. Larger numbers go first.
	// +kubebuilder:validation:MinLength=1
	OrderedKey string `json:"orderedKey"`
}

// UpdatePriorityWeightTerm gives Pods a weight.
type UpdatePriorityWeightTerm struct {
	// Weight is added when the Pod matches: 0 to 100.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Weight int32 `json:"weight"`
	// MatchSelector picks the Pods.
	// +kubebuilder:validation:XValidation:rule=`(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)`,message="must not be empty: it would match every Pod; give at least one entry in matchLabels or matchExpressions"
	MatchSelector metav1.LabelSelector `json:"matchSelector"`
}

// UpdateScatterStrategy are labels whose Pods are spread over the rollout.
type UpdateScatterStrategy []UpdateScatterTerm

// UpdateScatterTerm is one label.
type UpdateScatterTerm struct {
	// Key of the label.
	// +kubebuilder:validation:MinLength=1
	Key string `json:"key"`
	// Value of the label; * stands for every value that occurs.
	Value string `json:"value"`
}
