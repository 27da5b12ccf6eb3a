// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// story is some looks, with kubelets at work before each but the first, and writes down what people are told of them.
func (w *rollout) story(told *strings.Builder, headline string, looks int) {
	w.t.Helper()
	told.WriteString("# " + headline + "\n")
	for i := range looks {
		if i > 0 {
			for _, pod := range w.pods {
				build.RunContainers(pod)
			}
			w.now = w.now.Add(5 * time.Second)
		}
		w.told(told)
	}
}

// told is one look of the operator.
func (w *rollout) told(told *strings.Builder) {
	w.t.Helper()
	plan := w.plan()
	s := w.snapshotOf(plan)
	r := makeReport(s, plan, &Outcome{Updated: plan.Updates, Finished: plan.Finishes})
	carryOut(plan)
	for _, e := range append(r.Events, r.News...) {
		about := "the set"
		if pod, ok := e.About.(*corev1.Pod); ok {
			about = "Pod " + pod.Name
		}
		line := fmt.Sprintf("%s %s on %s: %s\n", e.Kind, e.Reason, about, e.Note)
		told.WriteString(strings.ReplaceAll(line, w.set.Name+"-", "REVISION-"))
	}
	w.setStatus(&r.Updated.(*v1beta1.SidecarSet).Status)
	w.record()
}

func TestWhatPeopleAreToldOfRollouts(t *testing.T) {
	var told strings.Builder
	set := build.MakeSidecarSet("gateway").MaxUnavailable("1").Container("proxy", "nginx:1.28").
		Spec(func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.AutoPauseOnFailure = true })
	w := newRollout(t, 2, set)
	w.story(&told, "a new set", 2)
	w.image("nginx:1.29")
	w.story(&told, "another image", 4)
	w.edit(func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = true })
	w.story(&told, "it is paused", 2)
	w.image("nginx:1.30")
	w.story(&told, "another image while it is paused", 2)
	w.edit(func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = false })
	w.story(&told, "it is let go on", 4)
	w.pods = append(w.pods, build.MakePod("late").Label("app", "web").Created(time.Second).Obj())
	w.story(&told, "a Pod without the sidecars", 2)
	w.pods = w.pods[:2]
	w.story(&told, "it is gone", 1)
	w.image("nginx:bad")
	w.story(&told, "an image that cannot be pulled", 1)
	w.breakSidecar("web-1")
	w.now = w.now.Add(statusLag)
	w.told(&told)
	w.story(&told, "and it stays so", 1)
	compareGolden(t, filepath.Join("testdata", "events.golden.txt"), told.String())
}
