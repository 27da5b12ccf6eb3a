// SPDX-License-Identifier: Apache-2.0

package v1beta1

// Annotations of SidecarSets and of the Pods that they inject.
const (
	// SidecarSetHashAnnotation holds, on a SidecarSet, the hash of its containers; on a Pod, as JSON by set name, the
	// hash that was injected or updated to last.
	SidecarSetHashAnnotation = "kruise.io/sidecarset-hash"
	// SidecarSetHashWithoutImageAnnotation is the same with all images blanked. A Pod whose value equals that of its
	// set can be updated in place.
	SidecarSetHashWithoutImageAnnotation = "kruise.io/sidecarset-hash-without-image"
	// SidecarSetInjectedListAnnotation names, on a Pod, the sets that were injected: sorted, joined by commas.
	SidecarSetInjectedListAnnotation = "kruise.io/sidecarset-injected-list"
	// SidecarSetInPlaceUpdateStateAnnotation records, on a Pod and as JSON by set name, an update in place that may
	// still be in flight.
	SidecarSetInPlaceUpdateStateAnnotation = "kruise.io/sidecarset-inplace-update-state"
	// SidecarSetWorkingContainersAnnotation maps, on a Pod and as JSON, each hot upgraded sidecar to the container that
	// works for it now.
	SidecarSetWorkingContainersAnnotation = "kruise.io/sidecarset-working-hotupgrade-container"
	// SidecarSetLifecycleAnnotation holds, on a Pod and as JSON by set name, where the Pod is between the hooks of an
	// update: a LifecycleStateType, and since when.
	SidecarSetLifecycleAnnotation = "apps.kruise.io/sidecarset-lifecycle"
	// SidecarSetVersionAnnotationPrefix is followed by the name of one of the two containers of a hot upgraded sidecar.
	// The value is that container's version.
	SidecarSetVersionAnnotationPrefix = "version.sidecarset.kruise.io/"
	// SidecarSetVersionAltAnnotationPrefix is followed by such a name too. The value is the other container's version.
	SidecarSetVersionAltAnnotationPrefix = "versionalt.sidecarset.kruise.io/"
	// SidecarSetCanaryAnnotation, "true" on a SidecarSet, makes it the canary of the set that SidecarSetBaseAnnotation
	// names.
	SidecarSetCanaryAnnotation = "apps.kruise.io/sidecarset-canary"
	// SidecarSetBaseAnnotation names the set that a canary stands in for.
	SidecarSetBaseAnnotation = "apps.kruise.io/sidecarset-base"
)

// Labels of SidecarSets and their ControllerRevisions.
const (
	// SidecarSetCustomVersionLabel is spec.customVersion: on a ControllerRevision and, as the older way to write it, on
	// a SidecarSet.
	SidecarSetCustomVersionLabel = "apps.kruise.io/sidecarset-custom-version"
	// SidecarSetNameLabel names, on a ControllerRevision, its SidecarSet.
	SidecarSetNameLabel = "kruise.io/sidecarset-name"
	// ImagePullerLabel marks the short-lived Pods that have a node pull an image. The value is the kind of the object
	// that they pull for.
	ImagePullerLabel = "apps.kruise.io/image-puller"
	// PulledImageAnnotation is, on such a Pod, the image that it was made for.
	PulledImageAnnotation = "apps.kruise.io/pulled-image"
)

// Environment variables of injected containers.
const (
	// SidecarInjectedEnv is "true" in every injected container.
	SidecarInjectedEnv = "IS_INJECTED"
	// SidecarVersionEnv holds the version of a hot upgraded container.
	SidecarVersionEnv = "SIDECARSET_VERSION"
	// SidecarVersionAltEnv holds the version of its counterpart.
	SidecarVersionAltEnv = "SIDECARSET_VERSION_ALT"
)
