// SPDX-License-Identifier: Apache-2.0

package inplace_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/inplace"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func BenchmarkDifference(b *testing.B) {
	from := template(b, nil)
	for name, change := range map[string]edit{
		"an image":   func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Image = "app:2" },
		"a variable": func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Env[0].Value = "2" },
	} {
		b.Run(name, func(b *testing.B) {
			to := template(b, change)
			b.ReportAllocs()
			for b.Loop() {
				inplace.Difference(from, to, true)
			}
		})
	}
}

func BenchmarkBegin(b *testing.B) {
	pod := build.MakePod("web-0").Label("controller-revision-hash", "web-1").Obj()
	change := inplace.Change{Images: map[string]string{"app": "app:2"}}
	b.ReportAllocs()
	for b.Loop() {
		edits, err := inplace.Begin(pod, change, "web-2", now)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := edits.Pod.JSON(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnfinished(b *testing.B) {
	const state = `{"revision":"web-1","updateTimestamp":"2026-11-22T12:01:56Z","lastContainerStatuses":{"app":{` +
		`"imageID":"registry.example/app@sha256:269b0384ee557c02c4a41c4e2939b611ac684ec5d5c9d47429b80f7db3f9a865",` +
		`"containerID":"containerd://269b0384ee557c02c4a41c4e2939b611ac684ec5d5c9d47429b80f7db3f9a865"}},"updateImages":true}`
	for name, pod := range map[string]*corev1.Pod{
		"without the annotation": build.MakePod("web-0").Annotation("a", "b").Obj(),
		"with the annotation":    updated(state).Obj(),
		"while it waits":         waiting(state),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				inplace.Unfinished(pod)
			}
		})
	}
}

// waiting is a Pod whose kubelet has not carried out what is recorded.
func waiting(state string) *corev1.Pod {
	pod := updated(state).Obj()
	pod.Spec.Containers[0].Image = "app:2"
	return pod
}
