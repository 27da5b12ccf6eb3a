// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// walk takes a set through a story and returns all that is written on the way: each step changes the world and then
// lets the controller look until it has nothing to do.
func (w *takeover) walk(set string, story []chapter) (out []string) {
	w.T.Helper()
	for _, c := range story {
		out = append(out, "--- "+c.says)
		c.do()
		for looks := 0; ; looks++ {
			writes := w.step(set)
			if len(writes) == 0 {
				break
			}
			if looks == 5 {
				w.T.Fatalf("%s: the controller comes to no rest: %q", c.says, writes)
			}
			out = append(out, writes...)
		}
	}
	return out
}

type chapter struct {
	says string
	do   func()
}

// What is recorded of the containers that were changed: what ran in them before.
const (
	webState = `{"revision":"web-596cf7cbc4","updateTimestamp":"2026-11-22T13:01:56Z","lastContainerStatuses":` +
		`{"main":{"imageID":"example.test/fake@sha256:ec6e8757e69753f95ec02a633a598061002bd779008313907235b9e47b846866"}},"updateImages":true}`
	hookedState = `{"revision":"hooked-d7f9b97df","updateTimestamp":"2026-11-22T13:01:56Z","lastContainerStatuses":` +
		`{"main":{"imageID":"example.test/fake@sha256:fd8c903facefd1631a75afe79b3a79926a53b2c1e1772e04e37442c1053b2798"}},"updateImages":true}`
)

// The set web was left inside its grace period of an hour, with maxUnavailable 2 and partition 1: two Pods are out of
// service already.
func TestTakeoverEndsTheGracePeriod(t *testing.T) {
	w := takeOver(t, midway, 0)
	got := w.walk("web", []chapter{
		{"a second before the hour is over", func() { w.at(time.Hour - time.Second) }},
		{"the hour is over", func() { w.at(time.Hour) }},
		{"the kubelet runs the new image", func() { w.kubelet("web-2", "web-3") }},
		{"the kubelet sees the readiness gates", func() { w.kubelet("web-2", "web-3") }},
	})
	want := []string{
		"--- a second before the hour is over",
		"--- the hour is over",
		"web-3: remove /metadata/annotations/apps.kruise.io~1inplace-update-grace",
		"web-3: add /metadata/annotations/apps.kruise.io~1inplace-update-state " + webState,
		"web-3: add /spec/containers/0/image registry.example/web:2",
		"web-2: remove /metadata/annotations/apps.kruise.io~1inplace-update-grace",
		"web-2: add /metadata/annotations/apps.kruise.io~1inplace-update-state " + webState,
		"web-2: add /spec/containers/0/image registry.example/web:2",
		"--- the kubelet runs the new image",
		"web-3: condition InPlaceUpdateReady=True",
		"web-3: add /metadata/labels/lifecycle.apps.kruise.io~1state Normal",
		"web-3: add /metadata/annotations/lifecycle.apps.kruise.io~1timestamp 2026-11-22T13:01:56Z",
		"web-2: condition InPlaceUpdateReady=True",
		"web-2: add /metadata/labels/lifecycle.apps.kruise.io~1state Normal",
		"web-2: add /metadata/annotations/lifecycle.apps.kruise.io~1timestamp 2026-11-22T13:01:56Z",
		"--- the kubelet sees the readiness gates",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	w.expectImages("web", map[string]string{
		"web-0": "registry.example/web:1", "web-2": "registry.example/web:2", "web-3": "registry.example/web:2",
	})
}

// The set hooked was left waiting for the owner of a finalizer: hooked-1 may be changed once that is gone, and hooked-0
// after it.
func TestTakeoverGoesOnAfterTheHook(t *testing.T) {
	const finalizer = "example.com/hold"
	w := takeOver(t, midway, time.Minute)
	finalizers := func(pod string, list ...string) func() {
		return func() { w.ChangePod(recorded(pod), func(p *corev1.Pod) { p.Finalizers = list }) }
	}
	got := w.walk("hooked", []chapter{
		{"an hour passes", func() { w.at(time.Hour) }},
		{"the owner lets hooked-1 go", finalizers("hooked-1")},
		{"the kubelet runs the new image", func() { w.kubelet("hooked-1") }},
		{"the owner takes hold of hooked-1 again", finalizers("hooked-1", finalizer)},
		{"the kubelet sees the readiness gates", func() { w.kubelet("hooked-1") }},
		{"the kubelet sees the readiness gates of hooked-0", func() { w.kubelet("hooked-0") }},
		{"the owner lets hooked-0 go", finalizers("hooked-0")},
		{"the kubelet runs the new image", func() { w.kubelet("hooked-0") }},
		{"the owner takes hold of hooked-0 again", finalizers("hooked-0", finalizer)},
		{"the kubelet sees the readiness gates", func() { w.kubelet("hooked-0") }},
	})
	want := []string{
		"--- an hour passes",
		"--- the owner lets hooked-1 go",
		"hooked-1: add /metadata/labels/controller-revision-hash hooked-d7f9b97df",
		"hooked-1: add /metadata/labels/lifecycle.apps.kruise.io~1state Updating",
		"hooked-1: add /metadata/annotations/apps.kruise.io~1inplace-update-state " + hookedState,
		"hooked-1: add /metadata/annotations/lifecycle.apps.kruise.io~1timestamp 2026-11-22T13:01:56Z",
		"hooked-1: add /spec/containers/0/image registry.example/hooked:2",
		"--- the kubelet runs the new image",
		"hooked-1: condition KruisePodReady=True",
		"hooked-1: add /metadata/labels/lifecycle.apps.kruise.io~1state Updated",
		"--- the owner takes hold of hooked-1 again",
		"hooked-1: add /metadata/labels/lifecycle.apps.kruise.io~1state Normal",
		"--- the kubelet sees the readiness gates",
		`hooked-0: condition KruisePodReady=False [{"userAgent":"Lifecycle","key":"preUpdateHook"}]`,
		"hooked-0: condition Ready=False ReadinessGatesNotReady",
		"hooked-0: add /metadata/labels/lifecycle.apps.kruise.io~1state PreparingUpdate",
		"hooked-0: add /metadata/annotations/lifecycle.apps.kruise.io~1timestamp 2026-11-22T13:01:56Z",
		"--- the kubelet sees the readiness gates of hooked-0",
		"--- the owner lets hooked-0 go",
		"hooked-0: add /metadata/labels/controller-revision-hash hooked-d7f9b97df",
		"hooked-0: add /metadata/labels/lifecycle.apps.kruise.io~1state Updating",
		"hooked-0: add /metadata/annotations/apps.kruise.io~1inplace-update-state " + hookedState,
		"hooked-0: add /spec/containers/0/image registry.example/hooked:2",
		"--- the kubelet runs the new image",
		"hooked-0: condition KruisePodReady=True",
		"hooked-0: add /metadata/labels/lifecycle.apps.kruise.io~1state Updated",
		"--- the owner takes hold of hooked-0 again",
		"hooked-0: add /metadata/labels/lifecycle.apps.kruise.io~1state Normal",
		"--- the kubelet sees the readiness gates",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	w.expectImages("hooked", map[string]string{"hooked-0": "registry.example/hooked:2", "hooked-1": "registry.example/hooked:2"})
}

// expectImages compares the images of a set's Pods, which must be the recorded ones.
func (w *takeover) expectImages(set string, want map[string]string) {
	w.T.Helper()
	known := map[string]bool{}
	for _, object := range recording(w.T, midway) {
		if pod, ok := object.(*corev1.Pod); ok {
			known[string(pod.UID)] = true
		}
	}
	s, _ := w.plan(set)
	got := map[string]string{}
	for _, view := range s.Pods {
		got[view.Pod.Name] = view.Pod.Spec.Containers[0].Image
		if !known[string(view.Pod.UID)] {
			got[view.Pod.Name] += fmt.Sprintf(" in a new Pod, %s", client.ObjectKeyFromObject(view.Pod))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.T.Errorf("images (-want +got):\n%s", diff)
	}
}
