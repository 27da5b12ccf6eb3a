// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	coreconversion "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/fields"
)

// placeholder completes a Pod that has no container of its own.
const placeholder = "windlass-validation-placeholder"

// located is a sidecar and where it is in the SidecarSet.
type located struct {
	*v1beta1.SidecarContainer
	path *field.Path
	// init: it is one of the initContainers.
	init bool
}

// sidecarsOf lists all containers, then all init containers.
func sidecarsOf(spec *v1beta1.SidecarSetSpec) []located {
	path := field.NewPath("spec")
	out := make([]located, 0, len(spec.Containers)+len(spec.InitContainers))
	for i := range spec.Containers {
		out = append(out, located{&spec.Containers[i], path.Child("containers").Index(i), false})
	}
	for i := range spec.InitContainers {
		out = append(out, located{&spec.InitContainers[i], path.Child("initContainers").Index(i), true})
	}
	return out
}

// isHot reports whether the sidecar is a pair that takes turns.
func (c located) isHot() bool {
	return c.UpgradeStrategy.UpgradeType == v1beta1.SidecarContainerHotUpgrade
}

// isNative reports whether an init container keeps running.
func (c located) isNative() bool {
	return c.init && pods.IsNativeSidecar(&c.Container)
}

// names are all names that the sidecar takes: its own and, where two containers take turns for it, theirs.
func (c located) names() []string {
	if !c.isHot() {
		return []string{c.Name}
	}
	return []string{c.Name, c.Name + "-1", c.Name + "-2"}
}

func validateContainers(spec *v1beta1.SidecarSetSpec, path *field.Path) field.ErrorList {
	sidecars := sidecarsOf(spec)
	if len(sidecars) == 0 {
		return field.ErrorList{field.Required(path.Child("containers"), "a SidecarSet must have at least one container or init container")}
	}
	errs := slices.Concat(validateAsPod(spec, path), validateNames(sidecars))
	for _, c := range sidecars {
		errs = append(errs, validateSidecar(c)...)
	}
	return errs
}

// validateAsPod has Kubernetes validate the sidecars as part of a Pod that consists of them, so that the field paths
// are those of the SidecarSet.
func validateAsPod(spec *v1beta1.SidecarSetSpec, path *field.Path) field.ErrorList {
	pod, err := podOf(sidecar.Default(spec))
	if err != nil {
		return field.ErrorList{field.InternalError(path.Child("containers"), err)}
	}
	options := podutil.GetValidationOptionsFromPodSpecAndMeta(&pod.Spec, nil, &pod.ObjectMeta, nil)
	errs := corevalidation.ValidatePodSpec(&pod.Spec, &pod.ObjectMeta, path, options)
	errs = withoutShared(ofSidecars(errs, len(spec.Containers)), spec)
	fields.NameVolumes(errs, "must be a volume of spec.volumes", spec.Volumes, func(v corev1.Volume) string { return v.Name })
	return errs
}

// podOf makes the Pod that the sidecars alone would be.
func podOf(spec *v1beta1.SidecarSetSpec) (*core.Pod, error) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{Volumes: spec.Volumes}}
	for i := range spec.Containers {
		pod.Spec.Containers = append(pod.Spec.Containers, spec.Containers[i].Container)
	}
	for i := range spec.InitContainers {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, spec.InitContainers[i].Container)
	}
	if len(pod.Spec.Containers) == 0 {
		pod.Spec.Containers = []corev1.Container{{Name: placeholder, Image: placeholder}}
	}
	coreconversion.SetObjectDefaults_Pod(pod)
	out := &core.Pod{}
	return out, coreconversion.Convert_v1_Pod_To_core_Pod(pod, out, nil)
}

// ofSidecars keeps the errors about what a SidecarSet has, which is not all of a Pod.
func ofSidecars(errs field.ErrorList, containers int) field.ErrorList {
	var out field.ErrorList
	for _, err := range errs {
		about := strings.HasPrefix(err.Field, "spec.initContainers") || strings.HasPrefix(err.Field, "spec.volumes") ||
			(containers > 0 && strings.HasPrefix(err.Field, "spec.containers"))
		if about {
			out = append(out, err)
		}
	}
	return out
}

// withoutShared drops the error about a missing volume where the sidecar shares the volumes of the Pod: the
// volume is meant to come from there.
func withoutShared(errs field.ErrorList, spec *v1beta1.SidecarSetSpec) field.ErrorList {
	var shared []string
	for _, c := range sidecarsOf(spec) {
		if isShared(&c.ShareVolumePolicy) {
			shared = append(shared, c.path.Child("volumeMounts").String())
		}
		if isShared(c.ShareVolumeDevicePolicy) {
			shared = append(shared, c.path.Child("volumeDevices").String())
		}
	}
	return slices.DeleteFunc(errs, func(err *field.Error) bool {
		return err.Type == field.ErrorTypeNotFound && slices.ContainsFunc(shared, func(path string) bool {
			return strings.HasPrefix(err.Field, path+"[")
		})
	})
}

func isShared(policy *v1beta1.ShareVolumePolicy) bool {
	return policy != nil && policy.Type == v1beta1.ShareVolumePolicyEnabled
}

// validateNames finds names that only conflict in a Pod, where a hot upgraded sidecar has two containers. Plain
// duplicates Kubernetes finds itself.
func validateNames(sidecars []located) field.ErrorList {
	var errs field.ErrorList
	hot := map[string]string{}
	for _, c := range sidecars {
		for _, name := range c.names()[1:] {
			hot[name] = c.Name
		}
	}
	for _, c := range sidecars {
		if owner, taken := hot[c.Name]; taken {
			errs = append(errs, field.Invalid(c.path.Child("name"), c.Name, fmt.Sprintf(
				"is the name of one of the two containers that hot upgrades make of %q: rename one of them", owner)))
		}
	}
	return errs
}

// validateSidecar checks what a sidecar has over a container.
func validateSidecar(c located) field.ErrorList {
	errs := slices.Concat(
		fields.Choice(c.PodInjectPolicy, c.path.Child("podInjectPolicy"),
			v1beta1.BeforeAppContainerType, v1beta1.AfterAppContainerType),
		validateSharing(&c.ShareVolumePolicy, c.path.Child("shareVolumePolicy")),
		validateSharing(c.ShareVolumeDevicePolicy, c.path.Child("shareVolumeDevicePolicy")),
		validateUpgrade(c, c.path.Child("upgradeStrategy")),
		validateResources(c, c.path.Child("resourcesPolicy")),
	)
	for i := range c.TransferEnv {
		errs = append(errs, validateTransfer(&c.TransferEnv[i], c.path.Child("transferEnv").Index(i))...)
	}
	return errs
}

func validateSharing(policy *v1beta1.ShareVolumePolicy, path *field.Path) field.ErrorList {
	if policy == nil {
		return nil
	}
	return fields.Choice(policy.Type, path.Child("type"), v1beta1.ShareVolumePolicyEnabled, v1beta1.ShareVolumePolicyDisabled)
}

func validateUpgrade(c located, path *field.Path) field.ErrorList {
	errs := fields.Choice(c.UpgradeStrategy.UpgradeType, path.Child("upgradeType"),
		v1beta1.SidecarContainerColdUpgrade, v1beta1.SidecarContainerHotUpgrade)
	if !c.isHot() {
		return errs
	}
	if c.UpgradeStrategy.HotUpgradeEmptyImage == "" {
		errs = append(errs, field.Required(path.Child("hotUpgradeEmptyImage"),
			"a hot upgraded sidecar is two containers: name the image that the idle one runs"))
	}
	if longest := validation.DNS1123LabelMaxLength - len("-1"); len(c.Name) > longest {
		errs = append(errs, field.TooLong(c.path.Child("name"), c.Name, longest))
	}
	for i := range c.Ports {
		if c.Ports[i].HostPort != 0 {
			errs = append(errs, field.Forbidden(c.path.Child("ports").Index(i).Child("hostPort"),
				"the two containers of a hot upgraded sidecar cannot have the same port of the node: remove it"))
		}
	}
	return errs
}
