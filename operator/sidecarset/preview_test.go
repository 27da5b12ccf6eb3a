// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/preview"
)

// foreseen is a preview as text.
func foreseen(p *preview.Preview) (out []string) {
	for i := range p.Pods {
		pod := &p.Pods[i]
		line := pod.Name + " " + string(pod.Fate)
		for _, c := range pod.Containers {
			line += fmt.Sprintf(" [%s %s>%s resized %t restarts %t]", c.Name, c.From, c.To, c.Resized, c.Restarts)
		}
		if len(pod.Why) > 0 {
			line += " (" + strings.Join(pod.Why, "; ") + ")"
		}
		if pod.First {
			line += ", at once"
		}
		if pod.Waits != "" {
			line += ", later: " + pod.Waits
		}
		out = append(out, line)
	}
	if p.Rests != "" {
		out = append(out, "rests: "+p.Rests)
	}
	return append(out, p.Notes...)
}

// rollOut carries out plans until there is nothing to do.
func (w *rollout) rollOut() {
	w.t.Helper()
	for range 100 {
		plan := w.plan()
		if len(plan.Updates)+len(plan.Finishes)+len(plan.Completions) == 0 {
			return
		}
		w.resize(plan)
		for _, pod := range w.pods {
			build.RunContainers(pod)
		}
		reportResources(w.pods...)
		w.record()
	}
	w.t.Fatal("the rollout does not end")
}

// changedBy names the Pods whose containers something changes.
func (w *rollout) changedBy(something func()) []string {
	before := map[string]string{}
	shape := func(pod *corev1.Pod) (out string) {
		for i := range pod.Spec.Containers {
			c := &pod.Spec.Containers[i]
			out += fmt.Sprintf("%s %s %v;", c.Name, c.Image, c.Resources.Requests)
		}
		return out
	}
	for _, pod := range w.pods {
		before[pod.Name] = shape(pod)
	}
	something()
	var out []string
	for _, pod := range w.pods {
		if before[pod.Name] != shape(pod) {
			out = append(out, pod.Name)
		}
	}
	slices.Sort(out)
	return out
}

func TestPreview(t *testing.T) {
	rolling := func() *build.SidecarSetBuilder { return build.MakeSidecarSet("s") }
	const update = "UpdatedInPlace [agent agent:1>agent:2 resized false restarts true]"
	const repaired = "spec.repairPolicy is Recreate, and it is without the sidecars: CreatedBeforeSet"
	const later = ", later: MaxUnavailable: maxUnavailable (1) is used up"
	for name, test := range map[string]struct {
		rollout func(t *testing.T) *rollout
		want    []string
	}{
		"an image": {
			func(t *testing.T) *rollout { return newRollout(t, 2, rolling()).image("agent:2") },
			[]string{"web-0 " + update + later, "web-1 " + update + ", at once"},
		},
		"an image, and a Pod that is of an earlier version yet": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 1, rolling())
				w.set = w.set.DeepCopy()
				w.set.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
				w.record()
				w.addPod("web-9", time.Minute)
				return w.image("agent:2")
			},
			[]string{"web-9 " + update + ", at once", "web-0 WaitsUntilRecreated (spec.containers[agent].env)"},
		},
		"the partition keeps those that have served longest": {
			func(t *testing.T) *rollout { return newRollout(t, 2, rolling().Partition("1")).image("agent:2") },
			[]string{
				"web-1 " + update + ", at once", "web-0 Kept (spec.updateStrategy.partition (1) keeps as many)",
				"Which Pods the partition keeps depends on which serve then: those that have served longest, unless priorityStrategy or scatterStrategy say otherwise.",
			},
		},
		"the update's selector": {
			func(t *testing.T) *rollout {
				return newRollout(t, 1, rolling().Spec(func(s *v1beta1.SidecarSetSpec) {
					s.UpdateStrategy.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"canary": "yes"}}
				})).image("agent:2")
			},
			[]string{"web-0 Kept (spec.updateStrategy.selector does not select it)"},
		},
		"NotUpdate": {
			func(t *testing.T) *rollout {
				return newRollout(t, 1, rolling().Spec(func(s *v1beta1.SidecarSetSpec) {
					s.UpdateStrategy.Type = v1beta1.NotUpdateSidecarSetStrategyType
				})).image("agent:2")
			},
			[]string{"web-0 Kept (spec.updateStrategy.type is NotUpdate)"},
		},
		"paused": {
			func(t *testing.T) *rollout { return newRollout(t, 1, rolling().Paused()).image("agent:2") },
			[]string{"web-0 " + update, "rests: spec.updateStrategy.paused is true"},
		},
		"maxUnavailable 0": {
			func(t *testing.T) *rollout { return newRollout(t, 1, rolling().MaxUnavailable("0")).image("agent:2") },
			[]string{"web-0 " + update + ", later: MaxUnavailable: maxUnavailable is 0, so no Pod that serves is updated"},
		},
		"resources": {
			func(t *testing.T) *rollout { return resizing(t, 1, requests("100m"), requests("50m")) },
			[]string{"web-0 UpdatedInPlace [agent > resized true restarts false], at once"},
		},
		"what running Pods cannot have": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 1, rolling())
				w.set = w.set.DeepCopy()
				w.set.Spec.Volumes = []corev1.Volume{{Name: "scratch"}}
				return w
			},
			[]string{"web-0 Current", "The version is a new one, and in what running Pods can have it is as the one before: only new Pods get what is different."},
		},
		"Pods without the sidecars": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 0, rolling())
				w.pods = append(w.pods, build.MakePod("bare").Label("app", "web").Created(-time.Hour).Obj())
				return w
			},
			[]string{"bare Uninjected (CreatedBeforeSet)"},
		},
		"Pods without the sidecars, and repair": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 0, repairing())
				w.pods = append(w.pods, of(build.MakePod("bare").Label("app", "web").Created(-time.Hour).Obj(), "ReplicaSet", "web"))
				return w
			},
			[]string{"bare Recreated (" + repaired + "), at once"},
		},
		"Pods without the sidecars, and repair that is known to help": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 1, repairing())
				w.bare("a")
				w.bare("b")
				return w
			},
			[]string{
				"a Recreated (" + repaired + "), at once",
				"b Recreated (" + repaired + "), later: as many as maxUnavailable allows go first", "web-0 Current",
			},
		},
		"Pods without the sidecars, and repair that is not": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 0, repairing().MaxUnavailable("2"))
				w.bare("a")
				w.bare("b")
				return w
			},
			[]string{
				"a Recreated (" + repaired + "), at once",
				"b Recreated (" + repaired + "), later: one goes first, to see whether it helps",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.rollout(t)
			p, err := makePreview(w.snapshot())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, foreseen(p)); diff != "" {
				t.Errorf("preview (-want +got):\n%s", diff)
			}
			var want []string
			for _, pod := range p.Pods {
				if pod.Fate == preview.UpdatedInPlace && p.Rests == "" && !strings.Contains(pod.Waits, zeroWords) {
					want = append(want, pod.Name)
				}
			}
			if diff := cmp.Diff(want, w.changedBy(w.rollOut)); diff != "" {
				t.Errorf("Pods that the rollout changed (-foreseen +done):\n%s", diff)
			}
		})
	}
}

// A selector that is about other Pods leaves those alone that it was about before.
func TestPreviewOfAnotherSelector(t *testing.T) {
	before := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	pod := func(name, app string, injected bool) *corev1.Pod {
		out := build.MakePod(name).Namespace("shop").Label("app", app).Created(time.Minute).New().Obj()
		if injected {
			injection, err := sidecar.Inject(out, []*sidecar.Set{compile(t, before)}, metav1.NewTime(build.Epoch))
			if err != nil {
				t.Fatal(err)
			}
			injection.Apply(out)
		}
		build.RunContainers(out)
		build.SetReady(out, true, build.Epoch)
		return out
	}
	g := gathererOf(t, before, pod("web", "web", true), pod("db", "db", false))
	after := before.DeepCopy()
	after.Spec.Selector.MatchLabels["app"] = "db"
	after.Generation++
	p, err := Preview(t.Context(), &preview.Source{Reader: g.reader, Clock: clocktesting.NewFakePassiveClock(build.Epoch.Add(time.Hour))}, before, after)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"db Uninjected (MatchedLater)", "web Released (the set does not select it any more)"}
	if diff := cmp.Diff(want, foreseen(p)); diff != "" {
		t.Errorf("preview (-want +got):\n%s", diff)
	}
}
