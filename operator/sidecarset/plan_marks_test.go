// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func TestMarks(t *testing.T) {
	condition := func(status corev1.ConditionStatus, message string) corev1.PodCondition {
		return corev1.PodCondition{Type: v1beta1.SidecarSetUpgradableCondition, Status: status, Message: message}
	}
	limited := func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Args = []string{"-v"} }
	for name, test := range map[string]struct {
		has    *corev1.PodCondition
		change func(*v1beta1.SidecarSetSpec)
		want   []string
	}{
		"a Pod that was never limited is not written to": {nil, func(*v1beta1.SidecarSetSpec) {}, nil},
		"a limited Pod is marked":                        {nil, limited, []string{`False UpdateImmutableField {"s":false}`}},
		"once is enough": {
			new(condition(corev1.ConditionFalse, `{"s":false}`)), limited, nil},
		"the mark is taken back": {
			new(condition(corev1.ConditionFalse, `{"s":false}`)), func(*v1beta1.SidecarSetSpec) {}, []string{`True AllSidecarsetUpgradable {"s":true}`}},
		"what is said of another set stands": {
			new(condition(corev1.ConditionFalse, `{"other":false,"s":false}`)), func(*v1beta1.SidecarSetSpec) {},
			[]string{`False UpdateImmutableField {"other":false,"s":true}`}},
		"what cannot be read is written anew": {
			new(condition(corev1.ConditionTrue, `?`)), limited, []string{`False UpdateImmutableField {"s":false}`}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRollout(t, 1, build.MakeSidecarSet("s"))
			if test.has != nil {
				w.pods[0].Status.Conditions = append(w.pods[0].Status.Conditions, *test.has)
			}
			w.set = w.set.DeepCopy()
			test.change(&w.set.Spec)
			var got []string
			for _, m := range w.plan().Marks {
				got = append(got, string(m.Condition.Status)+" "+m.Condition.Reason+" "+m.Condition.Message)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("marks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOldKubeletsRestartNoNativeSidecars(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1").NativeSidecar("mesh", "mesh:1")
	for kubelet, want := range map[string][]string{
		"v1.28.9": {"native sidecars (NotUpgradable: kubelet v1.28.9 of node node-1 restarts none, 1.32.0 does)"},
		"v1.31.4": {"native sidecars (NotUpgradable: kubelet v1.31.4 of node node-1 restarts none, 1.32.0 does)"},
		"v1.32.0": nil,
		"v1.37.1": nil,
		"":        nil, // not known: see TestAPodWaitsWhereNobodyKnowsTheKubelet
	} {
		w := newRollout(t, 1, set).nativeImage("mesh:2")
		if diff := cmp.Diff(want, limitsOn(t, w, kubelet)); diff != "" {
			t.Errorf("kubelet %q (-want +got):\n%s", kubelet, diff)
		}
	}
}

// A native sidecar that stays as it is asks nothing of its kubelet.
func TestOldKubeletsRestartTheContainersBesideNativeSidecars(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1").NativeSidecar("mesh", "mesh:1")
	for _, kubelet := range []string{"v1.31.4", ""} {
		w := newRollout(t, 1, set).image("agent:2")
		if got := limitsOn(t, w, kubelet); got != nil {
			t.Errorf("kubelet %q: the Pod is not updated: %v", kubelet, got)
		}
	}
}

// limitsOn says why the Pods of a set do not take an update on nodes of a kubelet, and fails if they wait otherwise.
func limitsOn(t *testing.T, w *rollout, kubelet string) (out []string) {
	t.Helper()
	s := w.snapshot()
	s.Kubelets = map[string]string{"node-1": kubelet}
	plan := planOf(t, s)
	for _, l := range plan.NotUpgradable {
		out = append(out, l.Why...)
	}
	return out
}
