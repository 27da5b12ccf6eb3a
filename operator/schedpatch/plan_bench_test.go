// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// BenchmarkPlan is one decision over 10,000 Pods of a Deployment with a template: "patched" where all carry the patch,
// "missed" where the webhook was away when they were created.
func BenchmarkPlan(b *testing.B) {
	for name, missed := range map[string]int{"patched": 0, "missed": 10_000} {
		b.Run(name, func(b *testing.B) {
			s := snapshotOf(b, makePatch(), someMissed(10_000, missed)...)
			s.Template = template(manyOwnTerms)
			if got := len(MakePlan(s).Skipped); got != missed {
				b.Fatalf("%d Pods were missed, want %d", got, missed)
			}
			b.ReportAllocs()
			for b.Loop() {
				MakePlan(s)
			}
		})
	}
}

// someMissed are n Pods of which the first came without the patch.
func someMissed(n, missed int) []*corev1.Pod {
	out := make([]*corev1.Pod, n)
	for i := range out {
		name, after := fmt.Sprintf("cart-5d9f-%05d", i), time.Duration(1+i/100)*time.Second
		if out[i] = patched(name, after); i < missed {
			out[i] = pod(name, after).Obj()
		}
	}
	return out
}
