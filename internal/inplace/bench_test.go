package inplace_test

import (
	"testing"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func BenchmarkUnfinished(b *testing.B) {
	for name, annotation := range map[string]string{
		"without": "",
		"with":    `{"revision":"web-596cf7cbc4","updateTimestamp":"2026-11-22T12:01:56Z","lastContainerStatuses":{"app":{"imageID":"registry.example/by-id@sha256:269b0384ee557c02c4a41c4e2939b611ac684ec5d5c9d47429b80f7db3f9a865","containerID":"containerd://269b0384ee557c02c4a41c4e2939b611ac684ec5d5c9d47429b80f7db3f9a865"}},"updateImages":true}`,
	} {
		b.Run(name+" the annotation", func(b *testing.B) {
			pod := build.MakePod("web-0").Annotation("a", "b")
			if annotation != "" {
				pod.Annotation(v1beta1.InPlaceUpdateStateAnnotation, annotation)
			}
			b.ReportAllocs()
			for b.Loop() {
				if text := inplace.Unfinished(pod.Obj()); text != "" {
					b.Fatal(text)
				}
			}
		})
	}
}
