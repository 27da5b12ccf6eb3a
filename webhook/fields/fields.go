// SPDX-License-Identifier: Apache-2.0

// Package fields is what the validations of several kinds ask of a field. It is pure.
package fields

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Choice accepts one of the values, or none: then the default holds.
func Choice[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, allowed)}
}

// IsEmpty reports whether a selector has nothing to select by.
func IsEmpty(selector *metav1.LabelSelector) bool {
	return len(selector.MatchLabels) == 0 && len(selector.MatchExpressions) == 0
}

// NameVolumes adds to Kubernetes' errors about mounts of missing volumes what the volume must be, and which there are.
func NameVolumes[V any](errs field.ErrorList, must string, volumes []V, nameOf func(V) string) {
	names := make([]string, 0, len(volumes))
	for _, volume := range volumes {
		names = append(names, nameOf(volume))
	}
	known := "there are " + strings.Join(names, ", ")
	if len(names) == 0 {
		known = "there are none"
	}
	for _, err := range errs {
		mount := strings.Contains(err.Field, ".volumeMounts[") || strings.Contains(err.Field, ".volumeDevices[")
		if err.Type == field.ErrorTypeNotFound && mount {
			err.Detail = must + ", of which " + known
		}
	}
}
