// SPDX-License-Identifier: Apache-2.0

package v1beta1

// Reasons of Ready, Progressing and Stalled. Those by which an object rests where the user told it to rest come with
// Ready=True.
const (
	// ReasonComplete: every Pod is as it should be.
	ReasonComplete = "Complete"
	// ReasonPaused: the user paused the rollout. Also a gate of auto remediation.
	ReasonPaused = "Paused"
	// ReasonPartitionReached: all Pods outside the partition are updated.
	ReasonPartitionReached = "PartitionReached"
	// ReasonNotUpdate: the update strategy leaves running Pods as they are.
	ReasonNotUpdate = "NotUpdate"
	// ReasonNewRevision: the spec has changed and no Pod has yet.
	ReasonNewRevision = "NewRevision"
	// ReasonPodsUpdating: Pods are being changed or replaced.
	ReasonPodsUpdating = "PodsUpdating"
	// ReasonPodsNotReady: Pods are as they should be but not Ready.
	ReasonPodsNotReady = "PodsNotReady"
	// ReasonAutoPaused: an updated Pod failed, and autoPauseOnFailure set the rollout to rest.
	ReasonAutoPaused = "AutoPaused"
	// ReasonProgressDeadlineExceeded: no progress for progressDeadlineSeconds.
	ReasonProgressDeadlineExceeded = "ProgressDeadlineExceeded"
	// ReasonAllNodesFailing: Pods of this revision start on no node, so the fault is in the template or the registry.
	ReasonAllNodesFailing = "AllNodesFailing"
	// ReasonInvalidSpec: the spec cannot be carried out.
	ReasonInvalidSpec = "InvalidSpec"
)

// Reasons of Available.
const (
	// ReasonMinimumReplicasAvailable: enough Pods are available.
	ReasonMinimumReplicasAvailable = "MinimumReplicasAvailable"
	// ReasonMinimumReplicasUnavailable: too few Pods are available.
	ReasonMinimumReplicasUnavailable = "MinimumReplicasUnavailable"
)

// Reasons of Scaling.
const (
	// ReasonScalingUp: Pods are being made.
	ReasonScalingUp = "ScalingUp"
	// ReasonScalingDown: Pods are being deleted.
	ReasonScalingDown = "ScalingDown"
	// ReasonScaleBlocked: a Pod cannot be made or deleted; the message names the ordinal and why.
	ReasonScaleBlocked = "ScaleBlocked"
)

// Reasons of FailedCreatePod, FailedUpdatePod, UpdateLimited and Injected.
const (
	// ReasonCreateRefused: the API server refused a new Pod.
	ReasonCreateRefused = "CreateRefused"
	// ReasonUpdateRefused: the API server refused a change of a Pod.
	ReasonUpdateRefused = "UpdateRefused"
	// ReasonNotUpgradable: the change cannot be made in place.
	ReasonNotUpgradable = "NotUpgradable"
	// ReasonAllPodsInjected: every matched Pod carries the sidecars.
	ReasonAllPodsInjected = "AllPodsInjected"
	// ReasonPodsNotInjected: some matched Pods carry no sidecar.
	ReasonPodsNotInjected = "PodsNotInjected"
	// ReasonNoPods: no live Pod is to have the set's sidecars; the message says what matches nothing. Also a reason of
	// Ready and Progressing.
	ReasonNoPods = "NoPods"
)

// Reasons of SchedPatch's conditions.
const (
	// ReasonActive: new Pods of the target are patched.
	ReasonActive = "Active"
	// ReasonPreview: nothing is patched; status.preview says what would be.
	ReasonPreview = "Preview"
	// ReasonTargetNotFound: the target does not exist. The patch works from the moment it does.
	ReasonTargetNotFound = "TargetNotFound"
	// ReasonTargetUnreadable: the operator may not read objects of the target's kind.
	ReasonTargetUnreadable = "TargetUnreadable"
	// ReasonNamespaceNotServed: the webhooks do not serve the namespace, so its Pods are never patched.
	ReasonNamespaceNotServed = "NamespaceNotServed"
	// ReasonNoEligibleNodes: new Pods get the patch, and no node is left for them, though one would be without it. It
	// ends when such a node comes.
	ReasonNoEligibleNodes = "NoEligibleNodes"
	// ReasonConflict: Pods contradict the patch, or no node could ever meet both.
	ReasonConflict = "Conflict"
	// ReasonTooManyTerms: the node affinity of Pods would have more than 64 terms.
	ReasonTooManyTerms = "TooManyTerms"
	// ReasonNothingMatches: the node affinity of Pods has no term that a node can match, so that there is nothing to
	// narrow.
	ReasonNothingMatches = "NothingMatches"
	// ReasonNodeNamed: the Pod template names the node, so that its Pods never meet the scheduler.
	ReasonNodeNamed = "NodeNamed"
	// ReasonWebhookMissed: the webhook did not see the creation of Pods, because it was down, out of reach, or did not
	// know of the object yet.
	ReasonWebhookMissed = "WebhookMissed"
	// ReasonExpired: the patch has come to its end.
	ReasonExpired = "Expired"
)

// What a Pod waits for until a SidecarSet updates it: the reasons of status.waiting.
const (
	// WaitingMaxUnavailable: as many Pods of the set as maxUnavailable allows are down because of it.
	WaitingMaxUnavailable = "MaxUnavailable"
	// WaitingInFlight: an earlier change of the Pod, by any object, is not at its end.
	WaitingInFlight = "InFlight"
	// WaitingKubeletUnknown: the node does not say which version its kubelet has, and the change takes one that can make it.
	WaitingKubeletUnknown = "KubeletUnknown"
	// WaitingTopology: an earlier domain of topologyKey is not at its end.
	WaitingTopology = "Topology"
	// WaitingImagePulling: a node pulls the image.
	WaitingImagePulling = "ImagePulling"
	// WaitingImageUnavailable: the node cannot get the image.
	WaitingImageUnavailable = "ImageUnavailable"
	// WaitingHook: the Pod is hooked, or drains.
	WaitingHook = "Hook"
	// WaitingHookTimeout: the hook was not released in time; the Pod is asked again later.
	WaitingHookTimeout = "HookTimeout"
	// WaitingWorkloadUnavailable: as many Pods of the workload as maxUnavailablePerWorkload allows are down.
	WaitingWorkloadUnavailable = "WorkloadUnavailable"
	// WaitingDisruptionBudget: a PodDisruptionBudget allows no disruption of the Pod now.
	WaitingDisruptionBudget = "DisruptionBudget"
)

// Reasons of conditions of SidecarSets besides.
const (
	// ReasonMaxUnavailableZero: maxUnavailable is 0, so that no Pod that serves is updated.
	ReasonMaxUnavailableZero = "MaxUnavailableZero"
	// ReasonImageUnavailable: no node that was asked can get a new image, so that nothing is restarted.
	ReasonImageUnavailable = "ImageUnavailable"
	// ReasonResizeInfeasible: nodes can never give Pods the resources that an update wrote.
	ReasonResizeInfeasible = "ResizeInfeasible"
	// ReasonResizeDeferred: nodes cannot give Pods those resources now.
	ReasonResizeDeferred = "ResizeDeferred"
)

// Why a SidecarSet that matches a Pod is left out of it.
const (
	// ReasonNameTaken: a container of the set has the name of one that the Pod brings itself.
	ReasonNameTaken = "NameTaken"
	// ReasonSetConflict: another set in the Pod has a container of the same name.
	ReasonSetConflict = "SetConflict"
	// ReasonVolumeTaken: a volume of the Pod would configure a sidecar in place of the set's, where injection is
	// enforced.
	ReasonVolumeTaken = "VolumeTaken"
	// ReasonInvalidPod: the API server would refuse the Pod with the set's sidecars.
	ReasonInvalidPod = "InvalidPod"
	// ReasonCanary: the set's canary takes its place. This is intended.
	ReasonCanary = "Canary"
	// ReasonOptedOut: the Pod refuses injection by label or annotation.
	ReasonOptedOut = "OptedOut"
	// ReasonInjectionPaused: the set injects into no new Pods for now.
	ReasonInjectionPaused = "InjectionPaused"
	// ReasonContainersMissing: the set was injected, and has got containers since that the Pod does not have.
	ReasonContainersMissing = "ContainersMissing"
	// ReasonCreatedBeforeSet: the Pod is no younger than the set. Creation times are whole seconds: of two in the same
	// second nobody knows which came first.
	ReasonCreatedBeforeSet = "CreatedBeforeSet"
	// ReasonMatchedLater: the set selects the Pod only since a label or the selector was changed after the Pod's
	// creation.
	ReasonMatchedLater = "MatchedLater"
	// ReasonMissedOrMatchedLater: as MatchedLater or WebhookMissed. Which of them cannot be told: the Pod was created
	// before the operator that looks at it began to watch.
	ReasonMissedOrMatchedLater = "MissedOrMatchedLater"
	// ReasonNotEvictable: repairPolicy Recreate cannot help, since no controller would make the Pod again.
	ReasonNotEvictable = "NotEvictable"
)
