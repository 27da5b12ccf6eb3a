// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// BenchmarkMemory prints what a webhook keeps of each of 10,000 SidecarSets: "new" ones, and "reported" ones of which the
// operator has written the status since.
func BenchmarkMemory(b *testing.B) {
	for name, versions := range map[string]int{"new": 1, "reported": 2} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before, cached, followed := heapAfterGC(), map[string]*v1beta1.SidecarSet{}, NewFollowed()
				for version := range versions {
					for i := range 10_000 {
						set := received(b, i, version)
						cached[set.Name] = set
						followed.Put(b.Context(), set)
					}
				}
				b.ReportMetric(float64(heapAfterGC()-before)/float64(len(cached)), "B/set")
				runtime.KeepAlive(cached)
				runtime.KeepAlive(followed)
			}
		})
	}
}

// received is a SidecarSet as a cache decodes and trims it.
func received(b *testing.B, number, version int) *v1beta1.SidecarSet {
	b.Helper()
	name := fmt.Sprintf("team-%d", number)
	set := build.MakeSidecarSet(name).Container("agent", "registry.example.com/agent:1.2.3").Obj()
	set.UID, set.ResourceVersion, set.Generation = "6f0f9d0e-3a5b-4b62-8f0c-1f2a3b4c5d6e", fmt.Sprint(version), 1
	set.CreationTimestamp = metav1.NewTime(build.Epoch)
	set.Labels = map[string]string{"app.kubernetes.io/managed-by": "Helm", "team": name}
	set.Annotations = map[string]string{"meta.helm.sh/release-name": name}
	set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
	set.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "helm", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}}
	if version > 0 {
		set.Status.ObservedGeneration = 1
		for _, kind := range []string{"Progressing", "Stalled", "Injected", "UpToDate"} {
			set.Status.Conditions = append(set.Status.Conditions, metav1.Condition{
				Type: kind, Status: metav1.ConditionTrue, ObservedGeneration: 1, LastTransitionTime: metav1.NewTime(build.Epoch.Add(time.Hour)),
				Reason: "NoPodsMatch", Message: "No Pod carries the labels that spec.selector asks for, so there is nothing to update.",
			})
		}
	}
	raw, err := json.Marshal(set)
	if err != nil {
		b.Fatal(err)
	}
	out := &v1beta1.SidecarSet{}
	if err := json.Unmarshal(raw, out); err != nil {
		b.Fatal(err)
	}
	trimmed, err := Trim(out)
	if err != nil {
		b.Fatal(err)
	}
	return trimmed.(*v1beta1.SidecarSet)
}

func heapAfterGC() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
