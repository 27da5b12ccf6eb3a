// SPDX-License-Identifier: Apache-2.0

package v1beta1

// Types of the conditions in the status of SidecarSet, StatefulSet and SchedPatch. An abnormal-true one is removed when
// it no longer holds.
const (
	// ConditionReady is always there: the wish is fulfilled, or the object rests where the user told it to rest.
	ConditionReady = "Ready"
	// ConditionReconciling is abnormal-true: work is in progress.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is abnormal-true: it cannot go on without a person.
	ConditionStalled = "Stalled"
	// ConditionAvailable says, of a StatefulSet, that at least replicas minus maxUnavailable Pods are available.
	ConditionAvailable = "Available"
	// ConditionProgressing says, of a StatefulSet or SidecarSet, how its rollout is.
	ConditionProgressing = "Progressing"
	// ConditionScaling is abnormal-true: a StatefulSet has too few or too many Pods.
	ConditionScaling = "Scaling"
	// ConditionRemediating is there when a Pod of a StatefulSet with auto remediation is stuck: True while its node is
	// being excluded, False with the gate that forbids it.
	ConditionRemediating = "Remediating"
	// ConditionFailedCreatePod is abnormal-true: the message is the API server's.
	ConditionFailedCreatePod = "FailedCreatePod"
	// ConditionFailedUpdatePod is abnormal-true: the message is the API server's.
	ConditionFailedUpdatePod = "FailedUpdatePod"
	// ConditionUpdateLimited is abnormal-true: running Pods keep the old sidecar of a SidecarSet, because the change
	// cannot be made in place; or Pods, those of a StatefulSet too, keep the resources that they had, because their nodes
	// do not give them the new ones.
	ConditionUpdateLimited = "UpdateLimited"
	// ConditionInjected is False when Pods that a SidecarSet matches carry no sidecar of it.
	ConditionInjected = "Injected"
	// ConditionExpired is abnormal-true: a SchedPatch has come to its end.
	ConditionExpired = "Expired"
)
