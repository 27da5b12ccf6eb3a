// SPDX-License-Identifier: Apache-2.0

package v1beta1

// Keys that users and other programs set on StatefulSets and their Pods.
const (
	// SpecifiedDeleteLabel on a Pod, with any value, asks for its deletion within maxUnavailable.
	SpecifiedDeleteLabel = "apps.kruise.io/specified-delete"
	// DeleteProtectionLabel on a StatefulSet guards against its deletion; see DeleteProtectionAlways and
	// DeleteProtectionCascading.
	DeleteProtectionLabel = "policy.kruise.io/delete-protection"
	// RestartedAtAnnotation in a Pod template is what kubectl kruise rollout restart writes. A change of it recreates
	// the Pods.
	RestartedAtAnnotation = "kubectl.kubernetes.io/restartedAt"
)

// Values of DeleteProtectionLabel.
const (
	// DeleteProtectionAlways forbids the deletion of the object.
	DeleteProtectionAlways = "Always"
	// DeleteProtectionCascading forbids it while spec.replicas is above 0.
	DeleteProtectionCascading = "Cascading"
)

// OwnedByStatefulSetAnnotation names, on a claim that was expanded, the StatefulSet that did so.
const OwnedByStatefulSetAnnotation = "apps.kruise.io/owned-by-asts"

// Annotations of StatefulSets about pulling images ahead of changes in place. The fields of the same meaning in
// spec.updateStrategy.rollingUpdate.inPlaceUpdateStrategy come first; with any of them, each node pulls ahead.
const (
	// ImagePreDownloadParallelismAnnotation is the number of nodes that pull at a time.
	ImagePreDownloadParallelismAnnotation = "apps.kruise.io/image-predownload-parallelism"
	// ImagePreDownloadTimeoutAnnotation is the time for one pull in seconds.
	ImagePreDownloadTimeoutAnnotation = "apps.kruise.io/image-predownload-timeout-seconds"
	// ImagePreDownloadMinUpdatedReadyPodsAnnotation is how many updated Pods must be Ready first.
	ImagePreDownloadMinUpdatedReadyPodsAnnotation = "apps.kruise.io/image-predownload-min-updated-ready-pods"
)
