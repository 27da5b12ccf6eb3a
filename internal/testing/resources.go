// SPDX-License-Identifier: Apache-2.0

package testing

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Quantity reads a quantity.
func Quantity(text string) resource.Quantity { return resource.MustParse(text) }

// Resources requests so much and limits to as much, as a Pod of QoS class Guaranteed does.
func Resources(cpu, memory string) corev1.ResourceRequirements {
	list := func() corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: Quantity(cpu), corev1.ResourceMemory: Quantity(memory)}
	}
	return corev1.ResourceRequirements{Requests: list(), Limits: list()}
}
