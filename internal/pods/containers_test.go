// SPDX-License-Identifier: Apache-2.0

package pods_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/internal/pods"
)

func threeContainers() *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Spec.InitContainers = []corev1.Container{
		{Name: "setup", Image: "setup:1"},
		{Name: "mesh", Image: "mesh:1", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)},
	}
	pod.Spec.Containers = []corev1.Container{{Name: "app", Image: "app:1"}}
	pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "setup"}, {Name: "mesh", Ready: true}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", Image: "app:0"}}
	return pod
}

func TestContainersByName(t *testing.T) {
	type seen struct {
		Place         string
		Index         int
		Image, Status string
		Ready, Native bool
	}
	for name, want := range map[string]seen{
		"app":   {Place: "containers", Image: "app:1", Status: "app"},
		"setup": {Place: "initContainers", Image: "setup:1", Status: "setup"},
		"mesh":  {Place: "initContainers", Index: 1, Image: "mesh:1", Status: "mesh", Ready: true, Native: true},
		"none":  {},
	} {
		t.Run(name, func(t *testing.T) {
			pod := threeContainers()
			got := seen{Image: pods.Image(pod, name), Ready: pods.ContainerReady(pod, name)}
			if c := pods.Find(pod, name); c != nil {
				got.Place, got.Index, got.Native = c.List, c.Index, pods.IsNativeSidecar(c.Container)
			}
			if status := pods.Status(pod, name); status != nil {
				got.Status = status.Name
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFoundContainerIsThePodsOwn(t *testing.T) {
	pod := threeContainers()
	pods.Find(pod, "mesh").Image = "mesh:2"
	if got := pod.Spec.InitContainers[1].Image; got != "mesh:2" {
		t.Errorf("the Pod's container has image %s", got)
	}
}

func TestStatusesOfInitContainersComeFirst(t *testing.T) {
	var got []string
	for status := range pods.Statuses(threeContainers()) {
		got = append(got, status.Name)
	}
	if want := []string{"setup", "mesh", "app"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSpecSeen(t *testing.T) {
	for name, test := range map[string]struct {
		generation, observed int64
		want                 bool
	}{
		"an old kubelet does not say": {generation: 3, observed: 0, want: true},
		"it has seen this one":        {generation: 3, observed: 3, want: true},
		"it has seen an earlier one":  {generation: 3, observed: 2, want: false},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Generation: test.generation}}
			pod.Status.ObservedGeneration = test.observed
			if got := pods.SpecSeen(pod); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestLive(t *testing.T) {
	for name, test := range map[string]struct {
		phase corev1.PodPhase
		going bool
		want  bool
	}{
		"a new Pod":                {want: true},
		"a running Pod":            {phase: corev1.PodRunning, want: true},
		"a Pod that is going":      {phase: corev1.PodRunning, going: true},
		"a Pod that failed":        {phase: corev1.PodFailed},
		"a Pod that has succeeded": {phase: corev1.PodSucceeded},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Status: corev1.PodStatus{Phase: test.phase}}
			if test.going {
				pod.DeletionTimestamp = ptr.To(metav1.NewTime(time.Unix(0, 0)))
			}
			if got := pods.Live(pod); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestReady(t *testing.T) {
	for name, test := range map[string]struct {
		phase corev1.PodPhase
		ready corev1.ConditionStatus
		want  bool
	}{
		"it runs and is ready":                  {corev1.PodRunning, corev1.ConditionTrue, true},
		"it runs and is not ready":              {corev1.PodRunning, corev1.ConditionFalse, false},
		"it runs and nobody knows":              {corev1.PodRunning, corev1.ConditionUnknown, false},
		"its condition outlived its containers": {corev1.PodFailed, corev1.ConditionTrue, false},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Status: corev1.PodStatus{
				Phase: test.phase, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: test.ready}},
			}}
			if got := pods.Ready(pod); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestConditionsAndGates(t *testing.T) {
	pod := &corev1.Pod{}
	pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/lb"}}
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: "example.com/lb", Status: corev1.ConditionFalse}, {Type: corev1.PodReady, Status: corev1.ConditionTrue},
	}
	type seen struct{ True, False, Gate bool }
	for kind, want := range map[corev1.PodConditionType]seen{
		"example.com/lb":       {False: true, Gate: true},
		corev1.PodReady:        {True: true},
		corev1.ContainersReady: {},
	} {
		c := pods.Condition(pod, kind)
		got := seen{pods.IsTrue(c), pods.IsFalse(c), pods.HasGate(pod, kind)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
}
