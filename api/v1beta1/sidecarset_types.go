package v1beta1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// SidecarSetSpec says which Pods get which sidecars, and how new sidecar
// images reach the Pods that run already.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.containers) && size(self.containers) > 0) || (has(self.initContainers) && size(self.initContainers) > 0)`,message="needs at least one entry in containers or initContainers"
// +kubebuilder:validation:XValidation:rule=`!has(self.containers) || !has(self.initContainers) || !self.containers.exists(c, self.initContainers.exists(i, i.name == c.name))`,fieldPath=".initContainers",reason=FieldValueDuplicate,messageExpression=`'name ' + self.containers.filter(c, self.initContainers.exists(i, i.name == c.name))[0].name + ' is taken by an entry of containers; container names are unique in a Pod'`
type SidecarSetSpec struct {
	// Selector picks the Pods to inject by their labels. It must be given and
	// must not be empty.
	// +kubebuilder:validation:XValidation:rule=`(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)`,message="must not be empty: it would match every Pod; give at least one entry in matchLabels or matchExpressions"
	// +required
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// Namespace limits the set to the Pods of one namespace. It is the
	// v1alpha1 way of writing a namespaceSelector on
	// kubernetes.io/metadata.name, and wins over NamespaceSelector when both
	// are given.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// NamespaceSelector picks namespaces by their labels. Absent: all
	// namespaces. Present, it must not be empty.
	// +kubebuilder:validation:XValidation:rule=`(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)`,message="must not be empty: leave it out to reach all namespaces; give at least one entry in matchLabels or matchExpressions"
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// InitContainers are injected when a Pod is created. One with
	// restartPolicy Always is a native sidecar.
	// +kubebuilder:validation:MaxItems=128
	// +listType=map
	// +listMapKey=name
	// +optional
	InitContainers []SidecarContainer `json:"initContainers,omitempty"`

	// Containers are the sidecars.
	// +kubebuilder:validation:MaxItems=128
	// +listType=map
	// +listMapKey=name
	// +optional
	Containers []SidecarContainer `json:"containers,omitempty"`

	// Volumes is the catalogue that the sidecars mount from. Only volumes that
	// an injected sidecar mounts itself are added to a Pod.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Volumes []corev1.Volume `json:"volumes,omitempty"`

	// UpdateStrategy says how running Pods get a new version of the sidecars.
	// +kubebuilder:default={}
	// +optional
	UpdateStrategy SidecarSetUpdateStrategy `json:"updateStrategy,omitempty"`

	// InjectionStrategy says what newly created Pods get.
	// +optional
	InjectionStrategy SidecarSetInjectionStrategy `json:"injectionStrategy,omitempty"`

	// ImagePullSecrets are added to the Pod's own when it is created.
	// +listType=map
	// +listMapKey=name
	// +optional
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// RevisionHistoryLimit is how many revisions are kept, the latest included.
	// At least 1 is kept. Default 10.
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`

	// PatchPodMetadata are annotations that are written to the Pods.
	// +listType=atomic
	// +optional
	PatchPodMetadata []SidecarSetPatchPodMetadata `json:"patchPodMetadata,omitempty"`

	// CustomVersion names this version of the set, for
	// injectionStrategy.revision.customVersion. In v1alpha1 it is the label
	// apps.kruise.io/sidecarset-custom-version.
	// +optional
	CustomVersion string `json:"customVersion,omitempty"`

	// ProgressDeadlineSeconds is how long, in seconds, a rollout may go without
	// progress before the condition Stalled says so. Nothing is undone. Default
	// 600.
	// +kubebuilder:default=600
	// +kubebuilder:validation:Minimum=1
	// +optional
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`

	// RepairPolicy says what happens to matched Pods that carry no sidecar:
	// None counts them, Recreate evicts those that a controller will make
	// again. Default None.
	// +kubebuilder:default=None
	// +optional
	RepairPolicy SidecarSetRepairPolicy `json:"repairPolicy,omitempty"`
}

// SidecarSetRepairPolicy says what happens to matched Pods without sidecar.
// +kubebuilder:validation:Enum=None;Recreate
type SidecarSetRepairPolicy string

const (
	// RepairNone counts Pods that miss the sidecar and leaves them alone.
	RepairNone SidecarSetRepairPolicy = "None"
	// RepairRecreate evicts Pods that miss the sidecar, within maxUnavailable
	// and PodDisruptionBudgets, when a controller will make them again.
	RepairRecreate SidecarSetRepairPolicy = "Recreate"
)

// SidecarContainer is a container of a Pod, with what an injected container
// needs besides. The order of the fields is part of the wire contract: the
// hash annotations are computed over this JSON.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SidecarContainer struct {
	// +kubebuilder:validation:Schemaless
	corev1.Container `json:",inline"`

	// PodInjectPolicy places the container before or after the Pod's own
	// ones. Default: BeforeAppContainer for containers, AfterAppContainer for
	// initContainers.
	// +optional
	PodInjectPolicy PodInjectPolicyType `json:"podInjectPolicy,omitempty"`

	// UpgradeStrategy says how a new image gets into a running Pod.
	// +optional
	UpgradeStrategy SidecarContainerUpgradeStrategy `json:"upgradeStrategy,omitempty"`

	// ShareVolumePolicy, when enabled, mounts everything that the Pod's own
	// containers mount. Default disabled.
	// +optional
	ShareVolumePolicy ShareVolumePolicy `json:"shareVolumePolicy,omitempty"`

	// ShareVolumeDevicePolicy does the same for block devices. Default
	// disabled.
	// +optional
	ShareVolumeDevicePolicy *ShareVolumePolicy `json:"shareVolumeDevicePolicy,omitempty"`

	// TransferEnv copies environment variables from the Pod's own containers.
	// +listType=atomic
	// +optional
	TransferEnv []TransferEnvVar `json:"transferEnv,omitempty"`

	// ResourcesPolicy computes the sidecar's resources from those of the Pod's
	// own containers. Not together with resources.
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
	// SidecarContainerHotUpgrade starts the new image beside the old one and
	// empties the old one when the new one is ready.
	SidecarContainerHotUpgrade SidecarContainerUpgradeType = "HotUpgrade"
)

// SidecarContainerUpgradeStrategy says how a new image gets into a running Pod.
type SidecarContainerUpgradeStrategy struct {
	// UpgradeType is ColdUpgrade or HotUpgrade. Default ColdUpgrade.
	// +optional
	UpgradeType SidecarContainerUpgradeType `json:"upgradeType,omitempty"`

	// HotUpgradeEmptyImage is what the idle one of the two containers of a
	// HotUpgrade sidecar runs.
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

// TransferEnvVar copies environment variables of one of the Pod's own
// containers to a sidecar.
type TransferEnvVar struct {
	// SourceContainerName names the container to copy from.
	// +optional
	SourceContainerName string `json:"sourceContainerName,omitempty"`
	// SourceContainerNameFrom takes that name from a label or annotation of
	// the Pod.
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
	// FieldRef is metadata.labels['key'] or metadata.annotations['key'] of the
	// Pod.
	// +optional
	FieldRef *corev1.ObjectFieldSelector `json:"fieldRef,omitempty"`
}

// ResourcesPolicy computes a sidecar's resources when a Pod is created.
type ResourcesPolicy struct {
	// TargetContainersMode aggregates over the target containers: sum or max.
	TargetContainersMode TargetContainersModeType `json:"targetContainersMode"`
	// TargetContainersNameRegex picks the target containers by name
	// (unanchored). Default ".*".
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

// ResourceExprRequests are expressions over the requests of the target
// containers.
type ResourceExprRequests struct {
	// CPU is an expression such as "max(cpu*50%, 50m)".
	// +optional
	CPU string `json:"cpu,omitempty"`
	// Memory is an expression such as "200Mi".
	// +optional
	Memory string `json:"memory,omitempty"`
}

// SidecarSetUpdateStrategyType says whether running Pods are updated.
// +kubebuilder:validation:Enum=NotUpdate;RollingUpdate
type SidecarSetUpdateStrategyType string

const (
	// NotUpdateSidecarSetStrategyType leaves running Pods as they are.
	NotUpdateSidecarSetStrategyType SidecarSetUpdateStrategyType = "NotUpdate"
	// RollingUpdateSidecarSetStrategyType changes running Pods in place.
	RollingUpdateSidecarSetStrategyType SidecarSetUpdateStrategyType = "RollingUpdate"
)

// SidecarSetUpdateStrategy says how running Pods get a new version.
//
// +kubebuilder:validation:XValidation:rule=`self.type != 'RollingUpdate' || !has(self.selector) || !has(self.partition) || (type(self.partition) == int && self.partition == 0)`,fieldPath=".partition",reason=FieldValueForbidden,message="cannot be combined with selector; remove one of the two"
// +kubebuilder:validation:XValidation:rule=`self.type != 'RollingUpdate' || !has(self.selector) || (has(self.selector.matchLabels) && size(self.selector.matchLabels) > 0) || (has(self.selector.matchExpressions) && size(self.selector.matchExpressions) > 0)`,fieldPath=".selector",message="must not be empty: leave it out to update all matched Pods"
type SidecarSetUpdateStrategy struct {
	// Type is NotUpdate or RollingUpdate. Default RollingUpdate.
	// +kubebuilder:default=RollingUpdate
	// +optional
	Type SidecarSetUpdateStrategyType `json:"type,omitempty"`

	// Paused stops the update of running Pods.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// Selector limits the update to the matched Pods that it matches too.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// Partition is how many (or what percentage) of the matched Pods stay at
	// the old version. Default 0.
	// +kubebuilder:default=0
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 : self.matches('^([0-9]{1,2}|100)%$')`,messageExpression=`'is ' + (type(self) == int ? string(self) : '"' + self + '"') + '; allowed are a number of Pods from 0 up, or a percentage from "0%" to "100%"'`
	// +optional
	Partition *intstr.IntOrString `json:"partition,omitempty"`

	// MaxUnavailable is how many (or what percentage, rounded up) of the
	// matched Pods may be unavailable because of the update. Default 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 : self.matches('^([0-9]{1,2}|100)%$')`,messageExpression=`'is ' + (type(self) == int ? string(self) : '"' + self + '"') + '; allowed are a number of Pods from 0 up, or a percentage from "0%" to "100%"'`
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// PriorityStrategy orders the Pods to update.
	// +optional
	PriorityStrategy *UpdatePriorityStrategy `json:"priorityStrategy,omitempty"`

	// ScatterStrategy spreads Pods that carry the given labels evenly over the
	// rollout.
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=key
	// +listMapKey=value
	// +optional
	ScatterStrategy UpdateScatterStrategy `json:"scatterStrategy,omitempty"`

	// AutoPauseOnFailure sets the rollout to rest when an updated Pod fails.
	// Default false.
	// +optional
	AutoPauseOnFailure bool `json:"autoPauseOnFailure,omitempty"`
}

// UpdatePriorityStrategy orders Pods, by weight or by label, not both.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.orderPriority) || size(self.orderPriority) == 0 || !has(self.weightPriority) || size(self.weightPriority) == 0`,message="has both orderPriority and weightPriority; keep one of the two"
type UpdatePriorityStrategy struct {
	// OrderPriority orders by the value of labels.
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	// +optional
	OrderPriority []UpdatePriorityOrderTerm `json:"orderPriority,omitempty"`
	// WeightPriority orders by the sum of the weights of the terms that match.
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	// +optional
	WeightPriority []UpdatePriorityWeightTerm `json:"weightPriority,omitempty"`
}

// UpdatePriorityOrderTerm names a label.
type UpdatePriorityOrderTerm struct {
	// OrderedKey is the key of a label whose value ends in a number. Larger
	// numbers go first.
	// +kubebuilder:validation:MinLength=1
	OrderedKey string `json:"orderedKey"`
}

// UpdatePriorityWeightTerm gives Pods a weight.
type UpdatePriorityWeightTerm struct {
	// Weight is added when the Pod matches: 0 to 100.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Weight int32 `json:"weight"`
	// MatchSelector picks the Pods.
	// +kubebuilder:validation:XValidation:rule=`(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)`,message="must not be empty: it would match every Pod; give at least one entry in matchLabels or matchExpressions"
	MatchSelector metav1.LabelSelector `json:"matchSelector"`
}

// UpdateScatterStrategy are labels whose Pods are spread over the rollout.
type UpdateScatterStrategy []UpdateScatterTerm

// UpdateScatterTerm is one label.
type UpdateScatterTerm struct {
	// Key of the label.
	// +kubebuilder:validation:MinLength=1
	Key string `json:"key"`
	// Value of the label; * stands for every value that occurs.
	Value string `json:"value"`
}

// SidecarSetInjectionStrategy says what newly created Pods get.
type SidecarSetInjectionStrategy struct {
	// Paused stops injection into new Pods.
	// +optional
	Paused bool `json:"paused,omitempty"`
	// Revision pins what is injected to an earlier revision.
	// +optional
	Revision *SidecarSetInjectRevision `json:"revision,omitempty"`
}

// SidecarSetInjectRevisionPolicy says which Pods get the pinned revision.
// +kubebuilder:validation:Enum=Always;Partial
type SidecarSetInjectRevisionPolicy string

const (
	// AlwaysSidecarSetInjectRevisionPolicy gives every new Pod the pinned
	// revision.
	AlwaysSidecarSetInjectRevisionPolicy SidecarSetInjectRevisionPolicy = "Always"
	// PartialSidecarSetInjectRevisionPolicy gives new Pods the pinned or the
	// current revision, as the rollout's selector and partition would have it.
	PartialSidecarSetInjectRevisionPolicy SidecarSetInjectRevisionPolicy = "Partial"
)

// SidecarSetInjectRevision names a revision.
//
// +kubebuilder:validation:XValidation:rule=`has(self.revisionName) || has(self.customVersion)`,message="needs revisionName or customVersion"
type SidecarSetInjectRevision struct {
	// CustomVersion picks the newest revision with this custom version.
	// +optional
	CustomVersion *string `json:"customVersion,omitempty"`
	// RevisionName picks this ControllerRevision; it wins over CustomVersion.
	// +optional
	RevisionName *string `json:"revisionName,omitempty"`
	// Policy is Always or Partial. Default Always.
	// +kubebuilder:default=Always
	// +optional
	Policy SidecarSetInjectRevisionPolicy `json:"policy,omitempty"`
}

// SidecarSetPatchPolicyType says how an annotation meets an existing one.
// +kubebuilder:validation:Enum=Retain;Overwrite;MergePatchJson
type SidecarSetPatchPolicyType string

const (
	// SidecarSetRetainPatchPolicy keeps an annotation that the Pod has.
	SidecarSetRetainPatchPolicy SidecarSetPatchPolicyType = "Retain"
	// SidecarSetOverwritePatchPolicy replaces it.
	SidecarSetOverwritePatchPolicy SidecarSetPatchPolicyType = "Overwrite"
	// SidecarSetMergePatchJSONPatchPolicy merges the JSON of both (RFC 7386).
	SidecarSetMergePatchJSONPatchPolicy SidecarSetPatchPolicyType = "MergePatchJson"
)

// SidecarSetPatchPodMetadata are annotations for the Pods.
type SidecarSetPatchPodMetadata struct {
	// Annotations to write.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// PatchPolicy is Retain, Overwrite or MergePatchJson. Default Retain.
	// +optional
	PatchPolicy SidecarSetPatchPolicyType `json:"patchPolicy,omitempty"`
}

// SidecarSetStatus is what the operator saw and did last.
type SidecarSetStatus struct {
	// ObservedGeneration is the metadata.generation that this status speaks of.
	// -1: no one has looked yet.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// MatchedPods is how many live Pods carry this set's sidecars.
	// +optional
	MatchedPods int32 `json:"matchedPods"`
	// UpdatedPods is how many of them are at the current version.
	// +optional
	UpdatedPods int32 `json:"updatedPods"`
	// ReadyPods is how many of them are Ready, no update of theirs in flight.
	// +optional
	ReadyPods int32 `json:"readyPods"`
	// UpdatedReadyPods is how many are both.
	// +optional
	UpdatedReadyPods int32 `json:"updatedReadyPods"`
	// UninjectedPods is how many live Pods the set matches but that carry none
	// of its sidecars.
	// +optional
	UninjectedPods int32 `json:"uninjectedPods"`
	// Uninjected names the first 20 of these Pods with the reason.
	// +kubebuilder:validation:MaxItems=20
	// +listType=map
	// +listMapKey=namespace
	// +listMapKey=name
	// +optional
	Uninjected []UninjectedPod `json:"uninjected,omitempty"`
	// LatestRevision is the name of the ControllerRevision of the current spec.
	// +optional
	LatestRevision string `json:"latestRevision,omitempty"`
	// CollisionCount counts collisions of revision names.
	// +optional
	CollisionCount *int32 `json:"collisionCount,omitempty"`
	// AutoPausedRevision is the revision at which autoPauseOnFailure set the
	// rollout to rest. Any other revision rolls out again.
	// +optional
	AutoPausedRevision string `json:"autoPausedRevision,omitempty"`
	// LastProgressTime is when the rollout last moved.
	// +optional
	LastProgressTime *metav1.Time `json:"lastProgressTime,omitempty"`
	// Conditions say how the set is: Ready, Reconciling, Stalled, Progressing,
	// UpdateLimited, Injected.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// UninjectedPod is a Pod that a set matches but that has no sidecar of it.
type UninjectedPod struct {
	// Namespace of the Pod.
	Namespace string `json:"namespace"`
	// Name of the Pod.
	Name string `json:"name"`
	// Reason, one word.
	Reason string `json:"reason"`
}

// SidecarSet injects sidecars into the Pods it selects, and rolls new sidecar
// images out inside the running Pods.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=sidecarsets,singular=sidecarset,scope=Cluster
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="MATCHED",type=integer,JSONPath=`.status.matchedPods`,description="How many Pods carry the sidecars"
// +kubebuilder:printcolumn:name="UPDATED",type=integer,JSONPath=`.status.updatedPods`,description="How many of them are at the current version"
// +kubebuilder:printcolumn:name="READY",type=integer,JSONPath=`.status.readyPods`,description="How many of them are Ready"
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since the creation of the object"
// +kubebuilder:printcolumn:name="UNINJECTED",type=integer,priority=1,JSONPath=`.status.uninjectedPods`,description="How many matching Pods carry no sidecar"
// +kubebuilder:printcolumn:name="STRATEGY",type=string,priority=1,JSONPath=`.spec.updateStrategy.type`,description="How running Pods get a new version"
// +kubebuilder:printcolumn:name="PAUSED",type=boolean,priority=1,JSONPath=`.spec.updateStrategy.paused`,description="Whether the rollout is paused"
// +kubebuilder:printcolumn:name="REASON",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why the set is ready or not"
// +kubebuilder:validation:XValidation:rule=`size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')`,fieldPath=".metadata.name",messageExpression=`'is "' + self.metadata.name + '"; allowed are at most 63 letters, digits and dashes, no dots'`
type SidecarSet struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Spec SidecarSetSpec `json:"spec,omitempty"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status SidecarSetStatus `json:"status,omitempty"`
}

// SidecarSetList is a list of SidecarSets.
//
// +kubebuilder:object:root=true
type SidecarSetList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SidecarSet `json:"items"`
}

func init() {
	SchemeBuilder.Register(&SidecarSet{}, &SidecarSetList{})
}
