// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/webhook/pod/validity"
)

// benchPatches are how many SchedPatches there are beside the sets, in the namespace of the Pod, each for another
// Deployment.
const benchPatches = 1_000

// benchHandler knows n sets, which all want tier=web and each another app, and the patches.
func benchHandler(b *testing.B, n int) *Handler {
	b.Helper()
	index := sidecar.NewIndex()
	for i := range n {
		set, err := sidecar.Compile(build.MakeSidecarSet(fmt.Sprint("s", i)).Container("agent", "agent:1").
			Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web", "app": fmt.Sprint("app", i)}}).Obj())
		if err != nil {
			b.Fatal(err)
		}
		index.Put(set)
	}
	clock := clocktesting.NewFakePassiveClock(build.Epoch)
	return &Handler{Sets: index, Scheduling: benchScheduling(b, clock), Reader: noReader{}, Validity: validity.NewValidator(), Clock: clock}
}

func benchScheduling(b *testing.B, clock clock.PassiveClock) *Scheduling {
	b.Helper()
	index := schedpatch.NewIndex()
	for i := range benchPatches {
		patch, err := schedpatch.Compile(build.MakeSchedPatch(fmt.Sprint("p", i)).Namespace("shop").Target("apps/v1", "Deployment", fmt.Sprint("d", i)).
			Toleration("gpu").RequiredTerm(corev1.NodeSelectorRequirement{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"a"}}).Obj())
		if err != nil {
			b.Fatal(err)
		}
		index.Put(patch)
	}
	patched, other := controller("apps/v1", "Deployment", "d0", "d0"), controller("apps/v1", "Deployment", "other", "other")
	return &Scheduling{Index: index, Owners: lineage{"patched": &patched, "other": &other}, PatchedPods: &places{}, Clock: clock}
}

// noReader fails a benchmark that reads the cluster.
type noReader struct{ client.Reader }

// benchRequest asks to create a Pod of the size that Pods commonly have: three containers with probes, variables and
// mounts, 7 kB.
// Its ReplicaSet is owned by a Deployment, patched or other.
func benchRequest(b *testing.B, app, owner string) admission.Request {
	b.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "pod.json"))
	if err != nil {
		b.Fatal(err)
	}
	pod := &corev1.Pod{}
	if err := json.Unmarshal(raw, pod); err != nil {
		b.Fatal(err)
	}
	pod.Labels["app"] = app
	pod.OwnerReferences = []metav1.OwnerReference{controller("apps/v1", "ReplicaSet", "cart-5d9f", owner)}
	if raw, err = json.Marshal(pod); err != nil {
		b.Fatal(err)
	}
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		UID: "u", Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Operation: admissionv1.Create, Namespace: "shop",
		Object: runtime.RawExtension{Raw: raw},
	}}
}

// BenchmarkHandle is the time from the decoded AdmissionReview to the answer with its patch encoded, and the 99th
// percentile of it.
func BenchmarkHandle(b *testing.B) {
	few := map[string]float64{}
	for _, n := range []int{1, 1_000, 50_000} {
		h := benchHandler(b, n)
		for _, kind := range benchKinds {
			b.Run(fmt.Sprintf("sets=%d/%s", n, kind.name), func(b *testing.B) {
				benchHandle(b, h, benchRequest(b, kind.app, kind.owner), kind.name != "unmatched")
				reportGrowth(b, few, kind.name)
			})
		}
	}
}

func benchHandle(b *testing.B, h *Handler, request admission.Request, changes bool) {
	b.Helper()
	took := make([]time.Duration, 0, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		response := h.Handle(b.Context(), request)
		if err := response.Complete(request); err != nil || (len(response.Patches) > 0) != changes {
			b.Fatalf("%d patches, %v", len(response.Patches), err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns/op")
}

// BenchmarkHandleWithoutPatches is what the same Pods cost in a namespace that has no patch.
func BenchmarkHandleWithoutPatches(b *testing.B) {
	h := benchHandler(b, 1_000)
	h.Scheduling.Index = schedpatch.NewIndex()
	b.Run("unmatched", func(b *testing.B) { benchHandle(b, h, benchRequest(b, "other", "other"), false) })
	b.Run("injected", func(b *testing.B) { benchHandle(b, h, benchRequest(b, "app0", "other"), true) })
}

// BenchmarkDecode shows what it is worth to decode a Pod's header first.
func BenchmarkDecode(b *testing.B) {
	request := benchRequest(b, "other", "other")
	b.Run("header", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := headerOf(request.Object.Raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := json.Unmarshal(request.Object.Raw, &corev1.Pod{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkValidity is what it costs to ask whether the API server would refuse an injected Pod: the first of its
// shape, and all others.
func BenchmarkValidity(b *testing.B) {
	h := benchHandler(b, 1)
	pod := &corev1.Pod{}
	if err := json.Unmarshal(benchRequest(b, "app0", "other").Object.Raw, pod); err != nil {
		b.Fatal(err)
	}
	injection, err := sidecar.Inject(pod, h.Sets.Candidates("shop", pod.Labels), metav1.NewTime(build.Epoch))
	if err != nil || injection.Empty() {
		b.Fatal(injection, err)
	}
	ask := func(b *testing.B, validator *validity.Validator) {
		b.Helper()
		if refusal, err := validator.Refusal(pod, injection); refusal != "" || err != nil {
			b.Fatal(refusal, err)
		}
	}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ask(b, validity.NewValidator())
		}
	})
	b.Run("remembered", func(b *testing.B) {
		used := validity.NewValidator()
		b.ReportAllocs()
		for b.Loop() {
			ask(b, used)
		}
	})
}
