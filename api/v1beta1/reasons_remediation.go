// SPDX-License-Identifier: Apache-2.0

package v1beta1

// Reasons of Remediating=True.
const (
	// ReasonNodeExcluded: the node is at fault and is excluded.
	ReasonNodeExcluded = "NodeExcluded"
	// ReasonProbing: node or template may be at fault; the Pod is tried elsewhere once.
	ReasonProbing = "Probing"
)

// Reasons of Remediating=False: the gates of auto remediation in the order in which they are asked. ReasonPaused comes
// before ReasonSkipAnnotation.
const (
	// ReasonApplicationStarted: a container of the Pod's own template has run, and another one cannot be started.
	ReasonApplicationStarted = "ApplicationStarted"
	// ReasonSidecarFailing: an injected container ran and ends again and again, and the application has not run.
	ReasonSidecarFailing = "SidecarFailing"
	// ReasonSkipAnnotation: Pod, StatefulSet or Node carries SkipRemediationAnnotation.
	ReasonSkipAnnotation = "SkipAnnotation"
	// ReasonNodeNotReady: the node is not Ready; its lifecycle is not ours.
	ReasonNodeNotReady = "NodeNotReady"
	// ReasonPodTerminating: the Pod is being deleted already.
	ReasonPodTerminating = "PodTerminating"
	// ReasonCannotExclude: the SchedPatch by which the node would be excluded cannot be written, or would not be
	// applied to the Pod; or the Pod's preDelete hook holds it.
	ReasonCannotExclude = "CannotExclude"
	// ReasonStoragePinned: the Pod's storage admits no other eligible node.
	ReasonStoragePinned = "StoragePinned"
	// ReasonTooFewNodes: no other eligible node remains.
	ReasonTooFewNodes = "TooFewNodes"
	// ReasonNodeLimit: maxExcludedNodes is reached.
	ReasonNodeLimit = "NodeLimit"
	// ReasonInFlight: another Pod of the set is being remediated.
	ReasonInFlight = "InFlight"
	// ReasonRetryLimit: retryLimit is reached for this ordinal and revision.
	ReasonRetryLimit = "RetryLimit"
	// ReasonBackoff: the time between two tries has not passed.
	ReasonBackoff = "Backoff"
	// ReasonStormActive: too many nodes of the cluster are excluded.
	ReasonStormActive = "StormActive"
	// ReasonRateLimited: the operator has deleted enough Pods this minute.
	ReasonRateLimited = "RateLimited"
)
