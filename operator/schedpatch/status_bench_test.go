// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// BenchmarkStatus is one look's computation for 10,000 Pods of one patch.
func BenchmarkStatus(b *testing.B) {
	var pods []*corev1.Pod
	for i := range 10_000 {
		pods = append(pods, patched(fmt.Sprintf("cart-5d9f-%05d", i), time.Duration(i/100)*time.Second))
	}
	s := snapshotOf(b, makePatch(), pods...)
	for b.Loop() {
		statusOf(s)
	}
}
