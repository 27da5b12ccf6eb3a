// SPDX-License-Identifier: Apache-2.0

package dropped

const (
	alpha = "v1alpha1"
	beta  = "v1beta1"

	// preDownload begins the names of three fields of a StatefulSet, without any of which holds what the chart says.
	preDownload = "updateStrategy.rollingUpdate.inPlaceUpdateStrategy.imagePreDownload"
	byChart     = "the chart's operator.imagePreDownload"
)

// sidecarSetFields are the fields of a SidecarSet that OpenKruise's types do not have. A test holds them against ours.
var sidecarSetFields = []Field{
	{Path: "namespace", Known: alpha, Instead: "namespaceSelector", Now: "the Pods of every namespace"},
	{Path: "customVersion", Known: beta, Now: "none"},
	{Path: "updateStrategy.maxUnavailablePerWorkload", Now: "all but one Pod of a workload"},
	{Path: "updateStrategy.disruptionBudgets", Default: "Respect", Now: "Respect"},
	{Path: "updateStrategy.topologyKey", Now: "no order of zones"},
	{Path: "updateStrategy.minReadySeconds", Now: "0"},
	{Path: "updateStrategy.gracePeriodSeconds", Now: "no draining"},
	{Path: "updateStrategy.imagePreDownload", Now: byChart},
	{Path: "updateStrategy.autoPauseOnFailure", Now: "false"},
	{Path: "lifecycle", Now: "no hook"},
	{Path: "progressDeadlineSeconds", Default: int64(600), Filled: true, Now: "600"},
	{Path: "repairPolicy", Default: "None", Filled: true, Now: "None"},
}

// statefulSetFields are the fields of a StatefulSet that OpenKruise's types do not have.
var statefulSetFields = []Field{
	{Path: "volumeClaimUpdateStrategy", Known: beta, Default: map[string]any{"type": "OnDelete"}, Filled: true, Now: "OnDelete"},
	{Path: "reserveOrdinals", Known: beta, Now: "none is reserved"},
	{Path: "lifecycle", Known: beta, Now: "no hook"},
	{Path: "lifecycle.preDelete.timeoutSeconds", Now: "no limit"},
	{Path: "lifecycle.inPlaceUpdate.timeoutSeconds", Now: "no limit"},
	{Path: "lifecycle.preNormal.timeoutSeconds", Now: "no limit"},
	{Path: "scaleStrategy", Known: beta, Now: "no limit"},
	{
		Path: "persistentVolumeClaimRetentionPolicy", Known: beta, Filled: true, Now: "Retain",
		Default: map[string]any{"whenDeleted": "Retain", "whenScaled": "Retain"},
	},
	{Path: "ordinals", Known: beta, Now: "ordinals from 0"},
	{Path: "updateStrategy.rollingUpdate.disruptionBudgets", Default: "Ignore", Now: "Ignore"},
	{Path: preDownload + "Parallelism", Late: true, Now: byChart},
	{Path: preDownload + "TimeoutSeconds", Late: true, Now: byChart},
	{Path: preDownload + "MinUpdatedReadyPods", Late: true, Now: byChart},
	{Path: "minReadySeconds", Now: "0"},
	{Path: "progressDeadlineSeconds", Default: int64(600), Filled: true, Now: "600"},
	{Path: "autoRemediation", Now: "off"},
}
