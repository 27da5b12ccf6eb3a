// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/program"
)

func TestWarningsOfMaxUnavailableZero(t *testing.T) {
	set := func(value string, change func(*v1beta1.SidecarSetUpdateStrategy)) given {
		object := build.MakeSidecarSet("s").Container("agent", "agent:1").MaxUnavailable(value).Obj()
		if change != nil {
			change(&object.Spec.UpdateStrategy)
		}
		return given{set: object}
	}
	serving := set("0", nil)
	serving.before = func(old *v1beta1.SidecarSet) { old.Status.ReadyPods = 12 }
	for name, test := range map[string]struct {
		given
		want []string
	}{
		"a number": {set("0", nil), []string{"spec.updateStrategy.maxUnavailable: 0 lets no serving Pod be updated; paused: true stops the others too"}},
		"a percentage": {
			set("0%", nil), []string{"spec.updateStrategy.maxUnavailable: 0% lets no serving Pod be updated; paused: true stops the others too"}},
		"with Pods that serve": {
			serving, []string{"spec.updateStrategy.maxUnavailable: 0 lets no serving Pod be updated (12 now); paused: true stops the others too"}},
		"one":                  {set("1", nil), nil},
		"a set that is paused": {set("0", func(s *v1beta1.SidecarSetUpdateStrategy) { s.Paused = true }), nil},
		"a set that updates nothing": {
			set("0", func(s *v1beta1.SidecarSetUpdateStrategy) { s.Type = v1beta1.NotUpdateSidecarSetStrategyType }), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.validate(t).Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// covering is a PodDisruptionBudget of namespace shop for Pods of a tier.
func covering(name, tier string, allowed int32) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: selecting("tier", tier)},
		Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed},
	}
}

func TestWarningsOfPodDisruptionBudgetsThatAllowNone(t *testing.T) {
	pod := func(app, tier string) client.Object {
		return build.MakePod(app+tier).Namespace("shop").Label("app", app).Label("tier", tier).Obj()
	}
	one := "spec.updateStrategy.disruptionBudgets: PodDisruptionBudget shop/front allows none of its Pods to go now: those of this set " +
		"keep the earlier sidecars until it does, or until this field is Ignore"
	for name, test := range map[string]struct {
		objects []client.Object
		change  func(old, set *v1beta1.SidecarSet)
		want    []string
	}{
		"one that covers a Pod of the set": {objects: []client.Object{pod("web", "front"), covering("front", "front", 0)}, want: []string{one}},
		"one that allows some":             {objects: []client.Object{pod("web", "front"), covering("front", "front", 1)}},
		"one that covers others":           {objects: []client.Object{pod("db", "front"), pod("web", "back"), covering("front", "front", 0)}},
		"two of them": {
			objects: []client.Object{pod("web", "front"), pod("web", "back"), covering("front", "front", 0), covering("back", "back", 0)},
			want: []string{"spec.updateStrategy.disruptionBudgets: 2 PodDisruptionBudgets, the first shop/back, allow none of their Pods to go now: " +
				"those of this set keep the earlier sidecars until they do, or until this field is Ignore"},
		},
		"the set ignores them": {
			objects: []client.Object{pod("web", "front"), covering("front", "front", 0)},
			change: func(_, set *v1beta1.SidecarSet) {
				set.Spec.UpdateStrategy.DisruptionBudgets = v1beta1.IgnoreDisruptionBudgets
			},
		},
		"the set has no Pods": {
			objects: []client.Object{pod("web", "front"), covering("front", "front", 0)},
			change:  func(old, _ *v1beta1.SidecarSet) { old.Status.MatchedPods = 0 },
		},
		"nothing changes": {
			objects: []client.Object{pod("web", "front"), covering("front", "front", 0)},
			change:  func(old, set *v1beta1.SidecarSet) { set.Spec = *old.Spec.DeepCopy() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			old := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
			old.Status.MatchedPods = 3
			set := old.DeepCopy()
			set.Spec.Containers[0].Image = "agent:2"
			if test.change != nil {
				test.change(old, set)
			}
			live := fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(append(test.objects, old)...).Build()
			validator := newValidator(t, func(c *Config) {
				c.Live, c.Namespaces = live, cluster{namespaces: []corev1.Namespace{*namespace("shop")}}
			})
			asked := request(t, set)
			raw, err := json.Marshal(old)
			if err != nil {
				t.Fatal(err)
			}
			asked.Operation, asked.OldObject = admissionv1.Update, runtime.RawExtension{Raw: raw}
			answer := validator.Handle(t.Context(), asked)
			if !answer.Allowed {
				t.Fatal(answer.Result)
			}
			got := slices.DeleteFunc(answer.Warnings, func(w string) bool { return !strings.Contains(w, "disruptionBudgets") })
			if diff := cmp.Diff(test.want, got); diff != "" && len(test.want)+len(got) > 0 {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// forbidding lists nothing.
type forbidding struct{ client.Reader }

func (forbidding) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("poddisruptionbudgets is forbidden")
}

// A warning is not worth a refusal.
func TestAWriteDoesNotFailForAWarning(t *testing.T) {
	old := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	old.Status.MatchedPods = 3
	set := old.DeepCopy()
	set.Spec.Containers[0].Image = "agent:2"
	validator := newValidator(t, func(c *Config) { c.Live = forbidding{} })
	asked := request(t, set)
	raw, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	asked.Operation, asked.OldObject = admissionv1.Update, runtime.RawExtension{Raw: raw}
	if answer := validator.Handle(t.Context(), asked); !answer.Allowed {
		t.Errorf("refused: %v", answer.Result)
	}
}
