// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Default returns a copy of the spec in which everything that was left out has its default, those of Kubernetes for
// containers and volumes included.
//
// The copy is what gets hashed, compared and injected. It is never stored: a default that appears inside a list of a
// stored object reads as drift to a tool that syncs from Git.
func Default(spec *v1beta1.SidecarSetSpec) *v1beta1.SidecarSetSpec {
	out := spec.DeepCopy()
	defaultStrategy(&out.UpdateStrategy)
	defaultOwnFields(out.Containers, v1beta1.BeforeAppContainerType)
	defaultOwnFields(out.InitContainers, v1beta1.AfterAppContainerType)
	defaultCoreFields(out)
	if out.RevisionHistoryLimit == nil {
		out.RevisionHistoryLimit = ptr.To[int32](10)
	}
	for i := range out.PatchPodMetadata {
		if out.PatchPodMetadata[i].PatchPolicy == "" {
			out.PatchPodMetadata[i].PatchPolicy = v1beta1.SidecarSetRetainPatchPolicy
		}
	}
	return out
}

func defaultStrategy(strategy *v1beta1.SidecarSetUpdateStrategy) {
	if strategy.Type == "" {
		strategy.Type = v1beta1.RollingUpdateSidecarSetStrategyType
	}
	if strategy.MaxUnavailable == nil {
		strategy.MaxUnavailable = ptr.To(intstr.FromInt32(1))
	}
	if strategy.Partition == nil {
		strategy.Partition = ptr.To(intstr.FromInt32(0))
	}
}

// defaultOwnFields fills the fields that a SidecarContainer has over a Container. They are part of the hash, so the
// values are the wire's.
func defaultOwnFields(containers []v1beta1.SidecarContainer, place v1beta1.PodInjectPolicyType) {
	for i := range containers {
		c := &containers[i]
		if c.PodInjectPolicy == "" {
			c.PodInjectPolicy = place
		}
		if c.UpgradeStrategy.UpgradeType == "" {
			c.UpgradeStrategy.UpgradeType = v1beta1.SidecarContainerColdUpgrade
		}
		if c.ShareVolumePolicy.Type == "" {
			c.ShareVolumePolicy.Type = v1beta1.ShareVolumePolicyDisabled
		}
		if c.ResourcesPolicy != nil && c.ResourcesPolicy.TargetContainersNameRegex == "" {
			c.ResourcesPolicy.TargetContainersNameRegex = ".*"
		}
		for j := range c.TransferEnv {
			from := c.TransferEnv[j].SourceContainerNameFrom
			if from != nil && from.FieldRef != nil {
				coredefaults.SetDefaults_ObjectFieldSelector(from.FieldRef)
			}
		}
	}
}

// defaultCoreFields lets Kubernetes default containers and volumes, as part of a Pod template: unlike a Pod's, its
// defaults copy no limits to requests.
func defaultCoreFields(spec *v1beta1.SidecarSetSpec) {
	template := &corev1.PodTemplate{}
	pod := &template.Template.Spec
	pod.Containers = coreContainers(spec.Containers)
	pod.InitContainers = coreContainers(spec.InitContainers)
	pod.Volumes = spec.Volumes
	coredefaults.SetObjectDefaults_PodTemplate(template)
	for i := range spec.Containers {
		spec.Containers[i].Container = pod.Containers[i]
	}
	for i := range spec.InitContainers {
		spec.InitContainers[i].Container = pod.InitContainers[i]
	}
}

func coreContainers(containers []v1beta1.SidecarContainer) []corev1.Container {
	out := make([]corev1.Container, len(containers))
	for i := range containers {
		out[i] = containers[i].Container
	}
	return out
}
