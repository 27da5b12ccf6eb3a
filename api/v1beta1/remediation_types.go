// SPDX-License-Identifier: Apache-2.0

package v1beta1

import "k8s.io/apimachinery/pkg/util/intstr"

// AutoRemediation moves Pods that cannot start because of their node: the node is excluded for this set for a while,
// through a SchedPatch, and the stuck Pod is deleted so that its replacement starts elsewhere. A Pod of which a
// container has ever started is never deleted.
type AutoRemediation struct {
	// Enabled turns it on. Default false.
	// +kubebuilder:default=false
	// +optional
	Enabled bool `json:"enabled"`

	// StuckSeconds is how long, in seconds, a Pod must have been waiting to start before it is judged: at least 60, and
	// less than progressDeadlineSeconds. Default 300.
	// +kubebuilder:default=300
	// +kubebuilder:validation:Minimum=60
	// +optional
	StuckSeconds int32 `json:"stuckSeconds,omitempty"`

	// RetryLimit is how often the Pod of one ordinal may be deleted per revision. Default 3.
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +optional
	RetryLimit *int32 `json:"retryLimit,omitempty"`

	// ExclusionSeconds is how long, in seconds, a node is excluded the first time: 60 to 86400. It doubles on each
	// repeat, up to 24 hours. Default 3600.
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	// +optional
	ExclusionSeconds int32 `json:"exclusionSeconds,omitempty"`

	// MaxExcludedNodes is how many nodes, or what percentage of the eligible nodes (rounded down, at least 1), may be
	// excluded at a time. Never more than 10. Default 20%.
	// +kubebuilder:default="20%"
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 1 : self.matches('^([1-9][0-9]?|100)%$')`,messageExpression=`'is ' + (type(self) == int ? string(self) : '"' + self + '"') + '; allowed are a number of nodes from 1 up, or a percentage from "1%" to "100%"'`
	// +optional
	MaxExcludedNodes *intstr.IntOrString `json:"maxExcludedNodes,omitempty"`

	// ExclusionMode is Required (the node is out), Preferred (the node is the last resort) or Auto (Preferred where
	// Karpenter provisions nodes, Required elsewhere). Default Auto.
	// +kubebuilder:default=Auto
	// +optional
	ExclusionMode ExclusionModeType `json:"exclusionMode,omitempty"`
}

// ExclusionModeType says how firmly a node is excluded.
// +kubebuilder:validation:Enum=Auto;Required;Preferred
type ExclusionModeType string

const (
	// ExclusionModeAuto is Preferred where Karpenter provisions nodes, because it ignores Pods with required hostname
	// rules, and Required elsewhere.
	ExclusionModeAuto ExclusionModeType = "Auto"
	// ExclusionModeRequired keeps Pods off the node.
	ExclusionModeRequired ExclusionModeType = "Required"
	// ExclusionModePreferred makes the node the last resort.
	ExclusionModePreferred ExclusionModeType = "Preferred"
)
