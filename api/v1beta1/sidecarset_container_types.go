// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	corev1 "k8s.io/api/core/v1"
)

// SidecarContainer is a container of a Pod, with what an injected container needs besides. Every field of a Pod's
// container is allowed, also one that this version of Windlass does not know.
// ---
// The order of the fields is part of the wire contract: the hash annotations are computed over this JSON.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SidecarContainer struct {
	// +kubebuilder:validation:Schemaless
	corev1.Container `json:",inline"`

	// PodInjectPolicy places the container before or after the Pod's own ones. Default: BeforeAppContainer for
	// containers, AfterAppContainer for initContainers.
	// +optional
	PodInjectPolicy PodInjectPolicyType `json:"podInjectPolicy,omitempty"`

	// UpgradeStrategy says how a new image gets into a running Pod.
	// +optional
	UpgradeStrategy SidecarContainerUpgradeStrategy `json:"upgradeStrategy,omitempty"`

	// ShareVolumePolicy, when enabled, mounts everything that the Pod's own containers mount. Default disabled.
	// +optional
	ShareVolumePolicy ShareVolumePolicy `json:"shareVolumePolicy,omitempty"`

	// ShareVolumeDevicePolicy does the same for block devices. Default disabled.
	// +optional
	ShareVolumeDevicePolicy *ShareVolumePolicy `json:"shareVolumeDevicePolicy,omitempty"`

	// TransferEnv copies environment variables from the Pod's own containers.
	// +listType=atomic
	// +optional
	TransferEnv []TransferEnvVar `json:"transferEnv,omitempty"`

	// ResourcesPolicy computes the sidecar's resources from those of the Pod's own containers. Not together with
	// resources.
	// +optional
	ResourcesPolicy *ResourcesPolicy `json:"resourcesPolicy,omitempty"`
}

// PodInjectPolicyType places an injected container among the Pod's own ones.
// +kubebuilder:validation:Enum=BeforeAppContainer;AfterAppContainer
type PodInjectPolicyType string

const (
	// BeforeAppContainerType puts the sidecar before the Pod's own containers.
	BeforeAppContainerType PodInjectPolicyType = "BeforeAppContainer"
	// AfterAppContainerType puts the sidecar after the Pod's own containers.
	AfterAppContainerType PodInjectPolicyType = "AfterAppContainer"
)

// SidecarContainerUpgradeType says how a new image gets into a running Pod.
// +kubebuilder:validation:Enum=ColdUpgrade;HotUpgrade
type SidecarContainerUpgradeType string

const (
	// SidecarContainerColdUpgrade restarts the container with the new image.
	SidecarContainerColdUpgrade SidecarContainerUpgradeType = "ColdUpgrade"
	// SidecarContainerHotUpgrade starts the new image beside the old one and empties the old one when the new one is
	// ready.
	SidecarContainerHotUpgrade SidecarContainerUpgradeType = "HotUpgrade"
)

// SidecarContainerUpgradeStrategy says how a new image gets into a running Pod.
type SidecarContainerUpgradeStrategy struct {
	// UpgradeType is ColdUpgrade or HotUpgrade. Default ColdUpgrade.
	// +optional
	UpgradeType SidecarContainerUpgradeType `json:"upgradeType,omitempty"`

	// HotUpgradeEmptyImage is what the idle one of the two containers of a HotUpgrade sidecar runs.
	// +optional
	HotUpgradeEmptyImage string `json:"hotUpgradeEmptyImage,omitempty"`
}

// ShareVolumePolicyType turns sharing of mounts on or off.
// +kubebuilder:validation:Enum=enabled;disabled
type ShareVolumePolicyType string

const (
	// ShareVolumePolicyEnabled shares what the Pod's own containers mount.
	ShareVolumePolicyEnabled ShareVolumePolicyType = "enabled"
	// ShareVolumePolicyDisabled shares nothing.
	ShareVolumePolicyDisabled ShareVolumePolicyType = "disabled"
)

// ShareVolumePolicy turns sharing of mounts on or off.
type ShareVolumePolicy struct {
	// Type is enabled or disabled. Default disabled.
	// +optional
	Type ShareVolumePolicyType `json:"type,omitempty"`
}

// TransferEnvVar copies environment variables of one of the Pod's own containers to a sidecar.
type TransferEnvVar struct {
	// SourceContainerName names the container to copy from.
	// +optional
	SourceContainerName string `json:"sourceContainerName,omitempty"`
	// SourceContainerNameFrom takes that name from a label or annotation of the Pod.
	// +optional
	SourceContainerNameFrom *SourceContainerNameSource `json:"sourceContainerNameFrom,omitempty"`
	// EnvName is the variable to copy.
	// +optional
	EnvName string `json:"envName,omitempty"`
	// EnvNames are further variables to copy.
	// +listType=atomic
	// +optional
	EnvNames []string `json:"envNames,omitempty"`
}

// SourceContainerNameSource says where a container's name comes from.
type SourceContainerNameSource struct {
	// FieldRef is metadata.labels['key'] or metadata.annotations['key'] of the Pod.
	// +optional
	FieldRef *corev1.ObjectFieldSelector `json:"fieldRef,omitempty"`
}

// ResourcesPolicy computes a sidecar's resources when a Pod is created.
type ResourcesPolicy struct {
	// TargetContainersMode aggregates over the target containers: sum or max.
	TargetContainersMode TargetContainersModeType `json:"targetContainersMode"`
	// TargetContainersNameRegex picks the target containers by name (unanchored). Default ".*".
	// +optional
	TargetContainersNameRegex string `json:"targetContainersNameRegex,omitempty"`
	// ResourcesExpr holds the expressions.
	ResourcesExpr ResourcesExpr `json:"resourcesExpr"`
}

// TargetContainersModeType aggregates resources over containers.
// +kubebuilder:validation:Enum=sum;max
type TargetContainersModeType string

const (
	// TargetContainersModeSum adds the resources of all target containers.
	TargetContainersModeSum TargetContainersModeType = "sum"
	// TargetContainersModeMax takes the largest of all target containers.
	TargetContainersModeMax TargetContainersModeType = "max"
)

// ResourcesExpr holds one expression per resource.
//
// +kubebuilder:validation:XValidation:rule=`has(self.limits) || has(self.requests)`,message="needs limits, requests or both"
type ResourcesExpr struct {
	// Limits of the sidecar.
	// +optional
	Limits *ResourceExprLimits `json:"limits,omitempty"`
	// Requests of the sidecar.
	// +optional
	Requests *ResourceExprRequests `json:"requests,omitempty"`
}

// ResourceExprLimits are expressions over the limits of the target containers.
type ResourceExprLimits struct {
	// CPU is an expression such as "max(cpu*50%, 50m)".
	// +optional
	CPU string `json:"cpu,omitempty"`
	// Memory is an expression such as "200Mi".
	// +optional
	Memory string `json:"memory,omitempty"`
}

// ResourceExprRequests are expressions over the requests of the target containers.
type ResourceExprRequests struct {
	// CPU is an expression such as "max(cpu*50%, 50m)".
	// +optional
	CPU string `json:"cpu,omitempty"`
	// Memory is an expression such as "200Mi".
	// +optional
	Memory string `json:"memory,omitempty"`
}
