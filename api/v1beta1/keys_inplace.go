// SPDX-License-Identifier: Apache-2.0

package v1beta1

import corev1 "k8s.io/api/core/v1"

// Annotations of Pods that are changed in place.
const (
	// InPlaceUpdateStateAnnotation records, as JSON, a change in place that may still be in flight.
	InPlaceUpdateStateAnnotation = "apps.kruise.io/inplace-update-state"
	// InPlaceUpdateGraceAnnotation holds, as JSON, a change that waits for the end of its grace period. It is removed
	// when the change is made.
	InPlaceUpdateGraceAnnotation = "apps.kruise.io/inplace-update-grace"
	// InPlaceUpdateStateLegacyAnnotation is the older key of InPlaceUpdateStateAnnotation. It is read, never written.
	InPlaceUpdateStateLegacyAnnotation = "inplace-update-state"
	// InPlaceUpdateGraceLegacyAnnotation is the older key of InPlaceUpdateGraceAnnotation. It is read, never written.
	InPlaceUpdateGraceLegacyAnnotation = "inplace-update-grace"
)

// Conditions and readiness gates of Pods.
const (
	// InPlaceUpdateReadyCondition is False while a Pod is being changed in place.
	InPlaceUpdateReadyCondition corev1.PodConditionType = "InPlaceUpdateReady"
	// KruisePodReadyCondition is False while some program holds the Pod NotReady; its message lists them as JSON.
	KruisePodReadyCondition corev1.PodConditionType = "KruisePodReady"
	// SidecarSetUpgradableCondition says whether all sidecars of a Pod can be updated in place; its message maps each
	// set to true or false as JSON.
	SidecarSetUpgradableCondition corev1.PodConditionType = "SidecarSetUpgradable"
)

// Reasons of these conditions.
const (
	// ReasonStartInPlaceUpdate is that of InPlaceUpdateReady=False.
	ReasonStartInPlaceUpdate = "StartInPlaceUpdate"
	// ReasonAllSidecarSetsUpgradable is that of SidecarSetUpgradable=True.
	ReasonAllSidecarSetsUpgradable = "AllSidecarsetUpgradable"
	// ReasonUpdateImmutableField is that of SidecarSetUpgradable=False.
	ReasonUpdateImmutableField = "UpdateImmutableField"
)

// ContainerLaunchPriorityEnv orders the start of a Pod's containers, and their change in place: larger values first.
const ContainerLaunchPriorityEnv = "KRUISE_CONTAINER_PRIORITY"
