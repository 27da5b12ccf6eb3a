// SPDX-License-Identifier: Apache-2.0

package validity

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1api "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/apis/core/validation"
)

// firstAdded is the first error of the Pod after the injection that is not one of the Pod before. Containers and
// volumes are told by name: an injection moves them.
func firstAdded(before, after *corev1.Pod) (string, error) {
	added, err := validate(after)
	if err != nil || len(added) == 0 {
		return "", err
	}
	own, err := validate(before)
	if err != nil {
		return "", err
	}
	known := map[string]bool{}
	for _, e := range own {
		known[placeOf(e, before)] = true
	}
	for _, e := range added {
		if place := placeOf(e, after); !known[place] {
			return byName(e.Field, after) + ": " + e.ErrorBody(), nil
		}
	}
	return "", nil
}

// validate defaults and validates a Pod as the API server does at its creation.
func validate(pod *corev1.Pod) (field.ErrorList, error) {
	defaulted := pod.DeepCopy()
	corev1api.SetObjectDefaults_Pod(defaulted)
	internal := &core.Pod{}
	if err := corev1api.Convert_v1_Pod_To_core_Pod(defaulted, internal, nil); err != nil {
		return nil, fmt.Errorf("convert the Pod for its validation: %w", err)
	}
	podutil.DropDisabledPodFields(internal, nil)
	podutil.DefaultPodLevelResources(internal)
	options := podutil.GetValidationOptionsFromPodSpecAndMeta(&internal.Spec, nil, &internal.ObjectMeta, nil)
	options.ResourceIsPod = true
	return validation.ValidatePodCreate(internal, options), nil
}

// placeOf tells errors apart by kind and field. Their words may have sums in them that an injection changes.
func placeOf(e *field.Error, pod *corev1.Pod) string {
	return string(e.Type) + " " + byName(e.Field, pod)
}

// byName writes the path of a field with names in place of the numbers of containers and volumes.
func byName(path string, pod *corev1.Pod) string {
	for _, list := range []struct {
		prefix string
		name   func(int) string
		length int
	}{
		{"spec.containers[", func(i int) string { return pod.Spec.Containers[i].Name }, len(pod.Spec.Containers)},
		{"spec.initContainers[", func(i int) string { return pod.Spec.InitContainers[i].Name }, len(pod.Spec.InitContainers)},
		{"spec.volumes[", func(i int) string { return pod.Spec.Volumes[i].Name }, len(pod.Spec.Volumes)},
	} {
		rest, ok := strings.CutPrefix(path, list.prefix)
		if !ok {
			continue
		}
		number, rest, _ := strings.Cut(rest, "]")
		if i, err := strconv.Atoi(number); err == nil && i < list.length {
			return list.prefix + list.name(i) + "]" + rest
		}
	}
	return path
}
