// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func drained(key, value string, mark bool) v1beta1.LifecycleHook {
	return v1beta1.LifecycleHook{LabelsHandler: map[string]string{key: value}, FinalizersHandler: []string{"mesh/hold"}, MarkPodNotReady: mark}
}

func agentOf(name string) *build.SidecarSetBuilder {
	return build.MakeSidecarSet(name).Container("agent-"+name, "agent:1")
}

// What a new Pod needs to be taken out of service later is there from the start, and nothing else is.
func TestWhatANewPodGetsToDrain(t *testing.T) {
	type result struct {
		Gates      []corev1.PodConditionType
		Labels     map[string]string
		Finalizers []string
		Warnings   []string
	}
	gate := []corev1.PodConditionType{v1beta1.KruisePodReadyCondition}
	gated := func(b *build.PodBuilder) *build.PodBuilder {
		b.Obj().Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: v1beta1.KruisePodReadyCondition}}
		return b
	}
	held := map[string]string{"mesh/drained": "false"}
	for name, test := range map[string]struct {
		sets []*build.SidecarSetBuilder
		pod  *build.PodBuilder
		want result
	}{
		"nothing where the set asks for nothing": {[]*build.SidecarSetBuilder{agentOf("a")}, build.MakePod("p"), result{}},
		"the gate for a grace period":            {[]*build.SidecarSetBuilder{agentOf("a").Grace(5)}, build.MakePod("p"), result{Gates: gate}},
		"the gate once, for two sets": {
			[]*build.SidecarSetBuilder{agentOf("a").Grace(5), agentOf("b").Grace(9)}, build.MakePod("p"), result{Gates: gate}},
		"no second gate where the Pod brings it": {
			[]*build.SidecarSetBuilder{agentOf("a").Grace(5)}, gated(build.MakePod("p")), result{Gates: gate}},
		"the labels of a hook that marks nothing, and never its finalizers": {
			[]*build.SidecarSetBuilder{agentOf("a").Hook(drained("mesh/drained", "false", false))}, build.MakePod("p"), result{Labels: held}},
		"gate and labels": {
			[]*build.SidecarSetBuilder{agentOf("a").Hook(drained("mesh/drained", "false", true))}, build.MakePod("p"), result{Gates: gate, Labels: held}},
		"a label that the Pod brings stays": {
			[]*build.SidecarSetBuilder{agentOf("a").Hook(drained("mesh/drained", "false", false))},
			build.MakePod("p").Label("mesh/drained", "never"), result{
				Labels: map[string]string{"mesh/drained": "never"},
				Warnings: []string{`SidecarSet a leaves label mesh/drained as it is: the Pod has "never", not the "false" of ` +
					`spec.lifecycle.inPlaceUpdate.labelsHandler, so that the hook does not hold updates of this Pod`},
			}},
		"the first of two sets has its label": {
			[]*build.SidecarSetBuilder{
				agentOf("a").Hook(drained("mesh/drained", "false", false)), agentOf("b").Hook(drained("mesh/drained", "no", false)),
			}, build.MakePod("p"), result{
				Labels: held,
				Warnings: []string{`SidecarSet b leaves label mesh/drained as it is: the Pod has "false", not the "no" of ` +
					`spec.lifecycle.inPlaceUpdate.labelsHandler, so that the hook does not hold updates of this Pod`},
			}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := test.pod.New().Obj()
			var sets []*sidecar.Set
			for _, b := range test.sets {
				sets = append(sets, compile(t, b.Obj()))
			}
			injection, err := sidecar.Inject(pod, sets, metav1.NewTime(build.Epoch))
			if err != nil {
				t.Fatal(err)
			}
			injection.Apply(pod)
			got := result{Labels: pod.Labels, Finalizers: pod.Finalizers, Warnings: injection.Warnings}
			for _, g := range pod.Spec.ReadinessGates {
				got.Gates = append(got.Gates, g.ConditionType)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Pod (-want +got):\n%s", diff)
			}
		})
	}
}

// Where injection is enforced, a Pod that brings its sidecars ready made does not get around the gate.
func TestAnEnforcedPodGetsTheGate(t *testing.T) {
	set := compile(t, agentOf("a").Grace(5).Hook(drained("mesh/drained", "false", false)).Obj())
	whole := build.MakePod("p").New().Obj()
	inject(t, whole, set)
	for name, strip := range map[string]func(*corev1.Pod){
		"without its gate":   func(pod *corev1.Pod) { pod.Spec.ReadinessGates = nil },
		"without its labels": func(pod *corev1.Pod) { pod.Labels = nil },
	} {
		t.Run(name, func(t *testing.T) {
			pod := whole.DeepCopy()
			strip(pod)
			injection, err := sidecar.InjectStrictly(pod, []*sidecar.Set{set}, metav1.NewTime(build.Epoch), nil)
			if err != nil {
				t.Fatal(err)
			}
			injection.Apply(pod)
			if len(pod.Spec.ReadinessGates) != 1 || pod.Labels["mesh/drained"] != "false" {
				t.Errorf("gates %v, labels %v", pod.Spec.ReadinessGates, pod.Labels)
			}
		})
	}
	injection, err := sidecar.InjectStrictly(whole, []*sidecar.Set{set}, metav1.NewTime(build.Epoch), nil)
	if err != nil || !injection.Empty() {
		t.Errorf("a whole Pod gets %v again (%v)", injection.Sets, err)
	}
}

func TestANewPodIsBetweenNoHooks(t *testing.T) {
	set := compile(t, agentOf("a").Obj())
	for _, strictly := range []bool{false, true} {
		pod := build.MakePod("p").Annotation(v1beta1.SidecarSetLifecycleAnnotation, `{"a":{"state":"PreparingUpdate"}}`).New().Obj()
		injection, err := sidecar.Inject(pod, []*sidecar.Set{set}, metav1.NewTime(build.Epoch))
		if err != nil {
			t.Fatal(err)
		}
		if err := injection.Cleanse(pod, strictly); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{v1beta1.SidecarSetLifecycleAnnotation}, injection.Removed); diff != "" {
			t.Errorf("strictly %t, removed (-want +got):\n%s", strictly, diff)
		}
	}
}
