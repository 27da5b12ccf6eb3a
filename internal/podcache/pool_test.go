// SPDX-License-Identifier: Apache-2.0

package podcache

import (
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

func TestAPoolKeepsOneOfEachUpToANumberOfBytes(t *testing.T) {
	const size = 36
	p := pool[*string]{most: partOfAll * (size + perEntry)}
	get := func(hash uint64, s string) *string {
		return p.get(hash, size, func(other *string) bool { return *other == s }, func() *string { return &s })
	}
	often := get(0, "often")
	for i := range 1000 {
		if get(uint64(i+1), fmt.Sprint("once ", i)); get(0, "often") != often {
			t.Fatalf("what is asked for all the time is forgotten after %d others", i)
		}
		if kept := len(p.young) + len(p.old); kept > 2*partOfAll {
			t.Fatalf("%d values are kept", kept)
		}
	}
	if a := get(7, "a"); *get(7, "b") != "b" || *a != "a" {
		t.Error("of two values of one hash, one is given for the other")
	}
	if before := get(1, "once 0"); *before != "once 0" {
		t.Errorf("what is forgotten comes back as %q", *before)
	}
}

// heapAfterGC is how many bytes are in use.
func heapAfterGC() int64 {
	runtime.GC()
	runtime.GC()
	stats := runtime.MemStats{}
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestNoPodIsRememberedForItsSize(t *testing.T) {
	for name, change := range map[string]func(pod *corev1.Pod, version int){
		"a long annotation": func(pod *corev1.Pod, version int) {
			pod.Annotations = map[string]string{"a": strconv.Itoa(version) + strings.Repeat("x", 100_000)}
		},
		"many annotations": func(pod *corev1.Pod, version int) {
			pod.Annotations = map[string]string{}
			for i := range 1000 {
				pod.Annotations[fmt.Sprint(version, "-", i)] = strings.Repeat("x", 100)
			}
		},
		"many containers": func(pod *corev1.Pod, version int) {
			for i := range 1000 {
				pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: fmt.Sprint(i), Image: fmt.Sprint("app:", version)})
			}
		},
		"many owners": func(pod *corev1.Pod, version int) {
			for i := range 1000 {
				pod.OwnerReferences = append(pod.OwnerReferences, metav1.OwnerReference{Name: fmt.Sprint(i), UID: types.UID(fmt.Sprint(version))})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := heapAfterGC()
			for version := range 600 {
				pod := &corev1.Pod{}
				change(pod, version)
				trimmed(t, pod)
			}
			// All pools may be filled meanwhile.
			if grown := heapAfterGC() - before; grown > 20<<20 {
				t.Errorf("%d MiB are in use after Pods that are gone", grown>>20)
			}
		})
	}
}

// aPod is decoded as from a watch: all of its memory is its own.
func aPod(t testing.TB, set, ordinal int) *corev1.Pod {
	t.Helper()
	app := fmt.Sprintf("checkout-service-%03d", set)
	name := fmt.Sprintf("%s-%d", app, ordinal)
	amounts := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("128Mi")},
		Limits:   corev1.ResourceList{"memory": resource.MustParse("256Mi")},
	}
	now := metav1.Unix(1_800_000_000+int64(ordinal), 0)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(fmt.Sprintf("uid-%03d-%027d", set, ordinal)), ResourceVersion: "123456789", Generation: 1,
			CreationTimestamp: now,
			Labels: map[string]string{
				"app": app, "app.kubernetes.io/name": app, "app.kubernetes.io/instance": app + "-production", "app.kubernetes.io/version": "1.2.3",
				"team": "shop", "controller-revision-hash": app + "-5c85f4c7d6", "statefulset.kubernetes.io/pod-name": name,
				"apps.kubernetes.io/pod-index": fmt.Sprint(ordinal),
			},
			Annotations: map[string]string{
				"prometheus.io/scrape": "true", "prometheus.io/port": "8080", "checksum/config": strings.Repeat("ab", 32),
				"kubectl.kubernetes.io/default-container": "app",
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps.kruise.io/v1beta1", Kind: "StatefulSet", Name: app, UID: types.UID("uid-of-" + app), Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
			}},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet", FieldsV1: metav1.NewFieldsV1(strings.Repeat("f", 1000))}},
		},
		Spec: corev1.PodSpec{
			NodeName: fmt.Sprintf("ip-10-0-0-%d.eu-central-1.compute.internal", ordinal), RestartPolicy: corev1.RestartPolicyAlways,
			NodeSelector: map[string]string{"kubernetes.io/os": "linux"}, ReadinessGates: []corev1.PodReadinessGate{{ConditionType: "InPlaceUpdateReady"}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.1.2.3", StartTime: &now},
	}
	for _, kind := range []corev1.PodConditionType{"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled", "InPlaceUpdateReady"} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	for _, container := range []string{"app", "agent"} {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{
			Name: container, Image: "registry.example/" + container + ":v1", Resources: amounts, ReadinessProbe: &corev1.Probe{},
		})
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container, Image: "registry.example/" + container + ":v1", ImageID: "registry.example/" + container + "@sha256:" + strings.Repeat("0f", 32),
			ContainerID: fmt.Sprintf("containerd://%064d", ordinal), Ready: true, Started: ptr.To(true),
			State:     corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
			Resources: &amounts, AllocatedResources: amounts.Requests,
			VolumeMounts: []corev1.VolumeMountStatus{{Name: "config", MountPath: "/etc/app"}, {Name: "data", MountPath: "/data"}},
		})
	}
	raw, err := pod.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	decoded := &corev1.Pod{}
	if err := decoded.Unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func trimmed(t testing.TB, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	out, err := TrimOwned(pod)
	if err != nil {
		t.Fatal(err)
	}
	return out.(*corev1.Pod)
}

func sameMap(a, b map[string]string) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

func TestPodsOfASetShareWhatIsEqual(t *testing.T) {
	a, b := trimmed(t, aPod(t, 1, 0)), trimmed(t, aPod(t, 1, 1))
	for what, shared := range map[string]bool{
		"annotations":     sameMap(a.Annotations, b.Annotations),
		"node selectors":  sameMap(a.Spec.NodeSelector, b.Spec.NodeSelector),
		"owners":          &a.OwnerReferences[0] == &b.OwnerReferences[0],
		"gates":           &a.Spec.ReadinessGates[0] == &b.Spec.ReadinessGates[0],
		"containers":      &a.Spec.Containers[0] == &b.Spec.Containers[0],
		"resources":       a.Status.ContainerStatuses[0].Resources == b.Status.ContainerStatuses[1].Resources,
		"texts of labels": unsafe.StringData(a.Labels["team"]) == unsafe.StringData(b.Labels["team"]),
		"images":          unsafe.StringData(a.Status.ContainerStatuses[0].ImageID) == unsafe.StringData(b.Status.ContainerStatuses[0].ImageID),
		"the name":        unsafe.StringData(a.Labels["statefulset.kubernetes.io/pod-name"]) == unsafe.StringData(a.Name),
	} {
		if !shared {
			t.Errorf("%s are kept twice", what)
		}
	}
}

// What differs in anything that is kept is not taken for what was there before.
func TestNothingIsTakenForWhatDiffers(t *testing.T) {
	never := corev1.ContainerRestartPolicyNever
	for name, change := range map[string]func(*corev1.Pod){
		"a label":                     func(p *corev1.Pod) { p.Labels["team"] = "other" },
		"an annotation":               func(p *corev1.Pod) { p.Annotations["prometheus.io/port"] = "9090" },
		"an annotation less":          func(p *corev1.Pod) { delete(p.Annotations, "prometheus.io/port") },
		"an owner's name":             func(p *corev1.Pod) { p.OwnerReferences[0].Name = "other" },
		"an owner's kind":             func(p *corev1.Pod) { p.OwnerReferences[0].Kind = "Other" },
		"an owner's version":          func(p *corev1.Pod) { p.OwnerReferences[0].APIVersion = "other/v1" },
		"an owner that controls not":  func(p *corev1.Pod) { p.OwnerReferences[0].Controller = nil },
		"an owner that blocks not":    func(p *corev1.Pod) { p.OwnerReferences[0].BlockOwnerDeletion = ptr.To(false) },
		"an owner more":               func(p *corev1.Pod) { p.OwnerReferences = append(p.OwnerReferences, metav1.OwnerReference{}) },
		"a gate":                      func(p *corev1.Pod) { p.Spec.ReadinessGates[0].ConditionType = "other" },
		"an image":                    func(p *corev1.Pod) { p.Spec.Containers[0].Image = "other" },
		"a container's name":          func(p *corev1.Pod) { p.Spec.Containers[0].Name = "other" },
		"a restart policy":            func(p *corev1.Pod) { p.Spec.Containers[0].RestartPolicy = &never },
		"a liveness probe":            func(p *corev1.Pod) { p.Spec.Containers[0].LivenessProbe = &corev1.Probe{} },
		"no readiness probe":          func(p *corev1.Pod) { p.Spec.Containers[0].ReadinessProbe = nil },
		"a startup probe":             func(p *corev1.Pod) { p.Spec.Containers[0].StartupProbe = &corev1.Probe{} },
		"a mark":                      func(p *corev1.Pod) { p.Spec.Containers[0].Env = aMark },
		"containers in another order": func(p *corev1.Pod) { c := p.Spec.Containers; c[0], c[1] = c[1], c[0] },
		"a container less":            func(p *corev1.Pod) { p.Spec.Containers = p.Spec.Containers[:1] },
		"a request":                   func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests["cpu"] = resource.MustParse("200m") },
		"a request in another unit": func(p *corev1.Pod) {
			p.Spec.Containers[0].Resources.Requests["memory"] = resource.MustParse("134217728")
		},
		"a request that is a limit": func(p *corev1.Pod) { r := &p.Spec.Containers[0].Resources; r.Requests, r.Limits = r.Limits, r.Requests },
		"no limits":                 func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Limits = nil },
		"a claim of a device":       func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Claims = []corev1.ResourceClaim{{Name: "gpu"}} },
		"what the kubelet allows": func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].Resources.Limits["memory"] = resource.MustParse("1Gi")
		},
		"what the kubelet says not":    func(p *corev1.Pod) { p.Status.ContainerStatuses[0].Resources = nil },
		"a container that has started": func(p *corev1.Pod) { p.Status.ContainerStatuses[0].Started = ptr.To(false) },
	} {
		t.Run(name, func(t *testing.T) {
			trimmed(t, aPod(t, 1, 0))
			pod := aPod(t, 1, 0)
			change(pod)
			want := pod.DeepCopy()
			got := trimmed(t, pod)
			for list, of := range map[string][2]any{
				"labels": {want.Labels, got.Labels}, "annotations": {want.Annotations, got.Annotations}, "owners": {want.OwnerReferences, got.OwnerReferences},
				"gates": {want.Spec.ReadinessGates, got.Spec.ReadinessGates}, "node selector": {want.Spec.NodeSelector, got.Spec.NodeSelector},
				"containers": {want.Spec.Containers, got.Spec.Containers},
			} {
				if diff := cmp.Diff(of[0], of[1]); diff != "" {
					t.Errorf("%s (-whole +trimmed):\n%s", list, diff)
				}
			}
			for i := range want.Status.ContainerStatuses {
				whole := &want.Status.ContainerStatuses[i]
				whole.AllocatedResources, whole.VolumeMounts = nil, nil
			}
			if diff := cmp.Diff(want.Status.ContainerStatuses, got.Status.ContainerStatuses); diff != "" {
				t.Errorf("statuses (-whole +trimmed):\n%s", diff)
			}
		})
	}
}

func BenchmarkTrim(b *testing.B) {
	pod := aPod(b, 1, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Trim(pod); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTrimOwned is what a cache pays for each event, decoding included.
func BenchmarkTrimOwned(b *testing.B) {
	raw, err := aPod(b, 1, 0).Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		pod := &corev1.Pod{}
		if err := pod.Unmarshal(raw); err != nil {
			b.Fatal(err)
		}
		if _, err := TrimOwned(pod); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory prints what a cached Pod takes, with 10,000 of them in 100 sets.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		before, pods := heapAfterGC(), make([]*corev1.Pod, 0, 10_000)
		for i := range cap(pods) {
			pods = append(pods, trimmed(b, aPod(b, i/100, i%100)))
		}
		b.ReportMetric(float64(heapAfterGC()-before)/float64(len(pods)), "B/Pod")
		runtime.KeepAlive(pods)
	}
}
