// SPDX-License-Identifier: Apache-2.0

package podcache

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// pack moves the texts that are of one Pod alone into one piece of memory. They were decoded among many others of their
// size that are dropped, and each of them would keep the gaps around it from being given back.
func pack(pod *corev1.Pod) {
	var room [8]*string // on the stack
	texts := append(room[:0], &pod.Name, (*string)(&pod.UID), &pod.ResourceVersion)
	for _, statuses := range [...][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			texts = append(texts, &statuses[i].ContainerID)
		}
	}
	length := 0
	for _, text := range texts {
		length += len(*text)
	}
	var all strings.Builder
	all.Grow(length)
	for _, text := range texts {
		all.WriteString(*text)
	}
	packed := all.String()
	for _, text := range texts {
		*text, packed = packed[:len(*text)], packed[len(*text):]
	}
}
