// SPDX-License-Identifier: Apache-2.0

package podcache_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestTrimDropsTheBulk(t *testing.T) {
	pod := build.MakePod("p").Label("app", "web").Annotation("a", "b").Annotation(corev1.LastAppliedConfigAnnotation, "{}").Obj()
	pod.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "SECRET", Value: "x"}}
	pod.Spec.NodeSelector, pod.Spec.RestartPolicy = map[string]string{"zone": "a"}, corev1.RestartPolicyNever
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}}},
	}
	pod.Status.Conditions[0].LastProbeTime = metav1.NewTime(build.Epoch)
	before := pod.DeepCopy()

	got, err := podcache.Trim(pod)
	if err != nil {
		t.Fatal(err)
	}
	want := build.MakePod("p").Label("app", "web").Annotation("a", "b").Obj()
	want.Spec.Volumes = pod.Spec.Volumes[1:]
	want.Spec.NodeSelector, want.Spec.RestartPolicy = map[string]string{"zone": "a"}, corev1.RestartPolicyNever
	want.Spec.InitContainers = []corev1.Container{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("trimmed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, pod); diff != "" {
		t.Errorf("the original changed (-before +after):\n%s", diff)
	}
}

// Half of the conditions of a Pod that is Ready say nothing more. Of one that is not, each stays where it is: a patch tests
// the Ready condition by its place.
func TestConditionsThatFollowFromReadyAreDropped(t *testing.T) {
	for name, test := range map[string]struct {
		gates      []corev1.PodConditionType
		conditions string
		want       string
	}{
		"a Pod that is Ready": {nil, "PodReadyToStartContainers=True Initialized=True Ready=True ContainersReady=True PodScheduled=True DisruptionTarget=True",
			"PodReadyToStartContainers=True Ready=True DisruptionTarget=True"},
		"one whose gate names one": {[]corev1.PodConditionType{"Initialized", "Mine"}, "Mine=True Initialized=True Ready=True ContainersReady=True",
			"Mine=True Initialized=True Ready=True"},
		"one that is not Ready": {nil, "Initialized=True Ready=False ContainersReady=True PodScheduled=True", "Initialized=True Ready=False ContainersReady=True PodScheduled=True"},
		"one with two minds":    {nil, "Initialized=False Ready=True", "Initialized=False Ready=True"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("p").Obj()
			pod.Status.Conditions, pod.Spec.ReadinessGates = nil, nil
			for word := range strings.FieldsSeq(test.conditions) {
				kind, status, _ := strings.Cut(word, "=")
				pod.Status.Conditions = append(pod.Status.Conditions,
					corev1.PodCondition{Type: corev1.PodConditionType(kind), Status: corev1.ConditionStatus(status)})
			}
			for _, gate := range test.gates {
				pod.Spec.ReadinessGates = append(pod.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: gate})
			}
			trimmed, err := podcache.Trim(pod)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range trimmed.(*corev1.Pod).Status.Conditions {
				got = append(got, string(c.Type)+"="+string(c.Status))
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

// What is cached must be enough for every question that is asked of a Pod.
func TestATrimmedPodIsSeenAsTheWholeOne(t *testing.T) {
	object := build.MakeSidecarSet("s").Container("agent", "agent:1").NativeSidecar("mesh", "mesh:1").Obj()
	set, err := sidecar.Compile(object)
	if err != nil {
		t.Fatal(err)
	}
	pod := build.MakePod("p").Label("app", "web").New().Obj()
	injection, err := sidecar.Inject(pod, []*sidecar.Set{set}, metav1.NewTime(build.Epoch))
	if err != nil {
		t.Fatal(err)
	}
	injection.Apply(pod)
	build.RunContainers(pod)
	build.SetReady(pod, true, build.Epoch)
	ended := pod.DeepCopy()
	ended.Spec.RestartPolicy = corev1.RestartPolicyNever
	ended.Status.ContainerStatuses[1].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	build.SetReady(ended, false, build.Epoch)
	for name, pod := range map[string]*corev1.Pod{"a Pod that serves": pod, "one that has ended": ended} {
		compareTrimmed(t, name, set, pod)
	}
}

// A set that has taken another name, and whose init container no record names, is not kept out by what it injected
// before.
func TestWhatIsInATrimmedPodIsKnownToBeInjected(t *testing.T) {
	named := func(name string) *sidecar.Set {
		set, err := sidecar.Compile(build.MakeSidecarSet(name).Container("agent", "agent:1").InitContainer("setup", "setup:1").Obj())
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	pod := build.MakePod("p").Label("app", "web").New().Obj()
	injection, err := sidecar.Inject(pod, []*sidecar.Set{named("before")}, metav1.NewTime(build.Epoch))
	if err != nil {
		t.Fatal(err)
	}
	injection.Apply(pod)
	trimmed, err := podcache.Trim(pod)
	if err != nil {
		t.Fatal(err)
	}
	after := named("after")
	for name, p := range map[string]*corev1.Pod{"whole": pod, "trimmed": trimmed.(*corev1.Pod)} {
		if obstacle, found := sidecar.ObstacleTo(p, after, []*sidecar.Set{after}); found {
			t.Errorf("%s: %s", name, obstacle)
		}
	}
}

func compareTrimmed(t *testing.T, name string, set *sidecar.Set, pod *corev1.Pod) {
	t.Helper()
	trimmed, err := podcache.Trim(pod)
	if err != nil {
		t.Fatal(err)
	}
	look := func(p *corev1.Pod) []any {
		v := sidecar.NewView(p, set)
		return []any{
			v.Ended(), v.Unscheduled(), v.Disturbed(), v.ServedBefore(), v.Holds(), v.Updated(), v.Upgradable(), v.Settled(), v.Ready(), v.SidecarsReady(),
			pods.Live(p),
		}
	}
	if diff := cmp.Diff(look(pod), look(trimmed.(*corev1.Pod))); diff != "" {
		t.Errorf("%s, whole and trimmed (-whole +trimmed):\n%s", name, diff)
	}
}

// Whether a Pod can be resized depends on more of its spec than its containers.
func TestATrimmedPodHasTheSameObstaclesToAResize(t *testing.T) {
	amounts := func(cpu string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("1Gi")}
	}
	change := inplace.Change{Resources: map[string]corev1.ResourceRequirements{"app": {Requests: amounts("1")}}}
	for name, test := range map[string]struct {
		spec func(spec *corev1.PodSpec)
		want []string
	}{
		"its QoS class would change": {func(*corev1.PodSpec) {}, []string{"the Pod's QoS class would change from Guaranteed to Burstable"}},
		"it is a Windows Pod": {func(spec *corev1.PodSpec) {
			spec.OS = &corev1.PodOS{Name: corev1.Windows}
		}, []string{"a Windows Pod cannot be resized"}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("p").Obj()
			pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: amounts("2"), Limits: amounts("2")}
			pod.Status.ContainerStatuses[0].Resources = &corev1.ResourceRequirements{} // its kubelet resizes
			test.spec(&pod.Spec)
			trimmed, err := podcache.Trim(pod)
			if err != nil {
				t.Fatal(err)
			}
			for kind, each := range map[string]*corev1.Pod{"whole": pod, "trimmed": trimmed.(*corev1.Pod)} {
				if diff := cmp.Diff(test.want, change.Obstacles(each)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", kind, diff)
				}
			}
		})
	}
}

func TestOtherObjectsPassUnchanged(t *testing.T) {
	secret := &corev1.Secret{}
	for name, trim := range map[string]func(any) (any, error){"pods": podcache.Trim, "nodes": podcache.TrimNode} {
		if got, err := trim(secret); err != nil || got != any(secret) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestObjectsAreIndexedByTheirControllerAlone(t *testing.T) {
	owner := func(uid types.UID, controller bool) metav1.OwnerReference {
		return metav1.OwnerReference{Kind: "ReplicaSet", Name: "r", UID: uid, Controller: &controller}
	}
	for name, test := range map[string]struct {
		owners []metav1.OwnerReference
		want   []string
	}{
		"no owner":                        {nil, nil},
		"an owner that does not control":  {[]metav1.OwnerReference{owner("a", false)}, nil},
		"the controller among its owners": {[]metav1.OwnerReference{owner("a", false), owner("b", true)}, []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := podcache.ControllerUID(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{OwnerReferences: test.owners}})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("indexed (-want +got):\n%s", diff)
			}
		})
	}
}

// Nothing that reads the cache must be able to spend the operator's memory by comparing what a Pod asks for. Such a Pod
// can be stored where no webhook of ours is asked.
func TestQuantitiesOutOfBoundsAreCapped(t *testing.T) {
	pod := build.MakePod("p").Obj()
	huge := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1e200000000"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	pod.Spec.Containers[0].Resources.Requests = huge.DeepCopy()
	pod.Spec.Resources = &corev1.ResourceRequirements{Limits: huge.DeepCopy()}
	pod.Status.ContainerStatuses[0].Resources = &corev1.ResourceRequirements{Requests: huge.DeepCopy()}

	got, err := podcache.Trim(pod)
	if err != nil {
		t.Fatal(err)
	}
	want := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("9223372036854775807"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	trimmed := got.(*corev1.Pod)
	for place, list := range map[string]corev1.ResourceList{
		"requests": trimmed.Spec.Containers[0].Resources.Requests, "the Pod's": trimmed.Spec.Resources.Limits,
		"the kubelet's": trimmed.Status.ContainerStatuses[0].Resources.Requests,
	} {
		if diff := cmp.Diff(want, list); diff != "" {
			t.Errorf("%s (-want +got):\n%s", place, diff)
		}
	}
}
