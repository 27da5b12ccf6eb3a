// SPDX-License-Identifier: Apache-2.0

package quantity_test

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/windlass-operator/windlass/internal/quantity"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func BenchmarkBoundOfAPodWithNothingSuspicious(b *testing.B) {
	raw, err := json.Marshal(build.MakePod("p").Label("app", "web").Obj())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, _, err := quantity.Bound(raw, &corev1.Pod{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCapOfAPod(b *testing.B) {
	pod := build.MakePod("p").Obj()
	pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	b.ReportAllocs()
	for b.Loop() {
		quantity.Cap(pod)
	}
}
