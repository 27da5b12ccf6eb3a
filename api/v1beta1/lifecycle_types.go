// SPDX-License-Identifier: Apache-2.0

package v1beta1

// Lifecycle holds hooks around the making, changing and deleting of Pods. A hook lets another program do its work
// first. The two talk through labels and finalizers of the Pod: it is hooked while it carries the ones that the hook
// names.
type Lifecycle struct {
	// PreDelete delays the deletion of a Pod until it is no longer hooked.
	// +optional
	PreDelete *LifecycleHook `json:"preDelete,omitempty"`
	// InPlaceUpdate delays a change in place until the Pod is no longer hooked; after the change the Pod counts as
	// available once it is hooked again.
	// +optional
	InPlaceUpdate *LifecycleHook `json:"inPlaceUpdate,omitempty"`
	// PreNormal delays that a new Pod counts as available until it is hooked.
	// +optional
	PreNormal *LifecycleHook `json:"preNormal,omitempty"`
}

// LifecycleHook names what the other program adds to and removes from a Pod.
type LifecycleHook struct {
	// LabelsHandler are labels, each with the value that counts.
	// +optional
	LabelsHandler map[string]string `json:"labelsHandler,omitempty"`
	// FinalizersHandler are finalizers.
	// +listType=atomic
	// +optional
	FinalizersHandler []string `json:"finalizersHandler,omitempty"`
	// MarkPodNotReady makes the Pod NotReady while its deletion or change is delayed, so that it gets no traffic. It
	// needs the readiness gate KruisePodReady in the Pod. Default false.
	// +optional
	MarkPodNotReady bool `json:"markPodNotReady,omitempty"`
	// TimeoutSeconds is how long, in seconds, another program has for its work: 10 to 86400. On a SidecarSet: default
	// 600. On a StatefulSet it works for inPlaceUpdate alone, and without it a change waits for as long as it takes.
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=86400
	// +optional
	TimeoutSeconds *int32 `json:"timeoutSeconds,omitempty"`
}

// SidecarSetLifecycle holds hooks around the update of a running Pod by a SidecarSet.
type SidecarSetLifecycle struct {
	// InPlaceUpdate delays an update that restarts a container of a Pod that serves until the Pod is no longer hooked;
	// after the update the Pod counts as available once it is hooked again. Where the other program does not do its work
	// within timeoutSeconds before the update, the Pod serves on with the old version and is asked again after 10 minutes;
	// after the update, the Pod counts as available then.
	// +optional
	InPlaceUpdate *LifecycleHook `json:"inPlaceUpdate,omitempty"`
}

// LifecycleStateType is where a Pod is between its hooks: the value of the label lifecycle.apps.kruise.io/state.
type LifecycleStateType string

const (
	// LifecycleStatePreparingNormal waits until it is hooked for the first time.
	LifecycleStatePreparingNormal LifecycleStateType = "PreparingNormal"
	// LifecycleStateNormal waits for nothing.
	LifecycleStateNormal LifecycleStateType = "Normal"
	// LifecycleStatePreparingUpdate waits until it is no longer hooked for a change in place.
	LifecycleStatePreparingUpdate LifecycleStateType = "PreparingUpdate"
	// LifecycleStateUpdating is being changed in place.
	LifecycleStateUpdating LifecycleStateType = "Updating"
	// LifecycleStateUpdated has been changed and waits until it is hooked again.
	LifecycleStateUpdated LifecycleStateType = "Updated"
	// LifecycleStatePreparingDelete waits until it is no longer hooked for deletion.
	LifecycleStatePreparingDelete LifecycleStateType = "PreparingDelete"
)
