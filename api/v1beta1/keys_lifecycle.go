// SPDX-License-Identifier: Apache-2.0

package v1beta1

// Keys of Pods that pass through lifecycle states.
const (
	// LifecycleStateLabel is a Pod's LifecycleStateType.
	LifecycleStateLabel = "lifecycle.apps.kruise.io/state"
	// LifecycleTimestampAnnotation is when a Pod entered its state (RFC 3339).
	LifecycleTimestampAnnotation = "lifecycle.apps.kruise.io/timestamp"
)

// Entries in the message of the condition KruisePodReady by which a lifecycle hook holds a Pod NotReady.
const (
	// LifecycleReadinessAgent is the userAgent of the entries.
	LifecycleReadinessAgent = "Lifecycle"
	// SidecarSetReadinessAgent is the userAgent of the entries of SidecarSets; the key is the name of the set.
	SidecarSetReadinessAgent = "SidecarSet"
	// PreDeleteHookReadinessKey is the key while a deletion is delayed.
	PreDeleteHookReadinessKey = "preDeleteHook"
	// PreUpdateHookReadinessKey is the key while a change in place is delayed.
	PreUpdateHookReadinessKey = "preUpdateHook"
)
