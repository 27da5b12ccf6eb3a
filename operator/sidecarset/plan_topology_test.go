// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

const zone = "topology.kubernetes.io/zone"

// zoned is a rollout whose Pods web-0, web-1, ... are in the zones that are named; - is a node without the label.
func zoned(t *testing.T, zones string) *rollout {
	t.Helper()
	all := strings.Fields(zones)
	w := newRollout(t, len(all), build.MakeSidecarSet("s").MaxUnavailable("100%").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.UpdateStrategy.TopologyKey = zone
	}))
	w.domains = map[string]string{}
	for i, value := range all {
		w.pods[i].Spec.NodeName = fmt.Sprintf("node-%d", i)
		if value != "-" {
			w.domains[w.pods[i].Spec.NodeName] = value
		}
	}
	return w
}

func TestOneDomainIsUpdatedAfterTheOther(t *testing.T) {
	for name, test := range map[string]struct {
		rollout *rollout
		play    func(w *rollout)
		want    string
		waits   string
	}{
		"the first by name": {zoned(t, "b a b a"), nil, "web-3 web-1",
			"Later: 2 Pods. topology.kubernetes.io/zone a comes first: 2 of its Pods are not at the new version: 2, Pod default/web-0 the first."},
		"nodes without the label come last":  {zoned(t, "- a"), nil, "web-1", ""},
		"the rest of a domain that is begun": {zoned(t, "a a b"), func(w *rollout) { w.update(0) }, "web-1", ""},
		"none of the next one before the first is at its end": {zoned(t, "a b"), func(w *rollout) { w.update(0) }, "",
			"Later: 1 Pod. topology.kubernetes.io/zone a is not at its end: Pod default/web-0 was changed and has to serve first: 1, Pod default/web-1."},
		"nor one that does not serve": {zoned(t, "a b"), func(w *rollout) {
			w.update(0)
			w.unready(1)
		}, "", ""},
		"the next one after that": {zoned(t, "a b"), func(w *rollout) {
			w.update(0)
			build.RunContainers(w.pods[0])
		}, "web-1", ""},
		"a Pod that the update's selector keeps holds nobody": {zoned(t, "a b"), func(w *rollout) {
			w.set.Spec.UpdateStrategy.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"go": "yes"}}
			w.pods[1].Labels["go"] = "yes"
		}, "web-1", ""},
		"a Pod whose node is lost in mid-update holds nobody": {zoned(t, "a b"), func(w *rollout) {
			w.update(0)
			w.unready(0)
			w.lost = sets.New("node-0")
		}, "web-1", ""},
		"a Pod that did not serve, in mid-update": {zoned(t, "a b"), func(w *rollout) {
			w.unready(0)
			w.update(0)
		}, "", ""},
		"a Pod that did not serve, in mid-update to an earlier version that it is kept at": {zoned(t, "a b"), func(w *rollout) {
			w.unready(0)
			w.update(0)
			w.image("agent:3").set.Spec.UpdateStrategy.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"go": "yes"}}
			w.pods[1].Labels["go"] = "yes"
		}, "", ""},
		"one that did not serve and has the new version": {zoned(t, "a b"), func(w *rollout) {
			w.unready(0)
			w.update(0)
			build.RunContainers(w.pods[0])
		}, "web-1", ""},
		"a Pod of a later domain that is broken gets the next version first": {zoned(t, "a b"), func(w *rollout) {
			w.update(1)
			w.unready(1)
			w.image("agent:3")
		}, "web-1", ""},
		"a Pod of a later domain that serves does not, though it is not at the end of minReadySeconds": {zoned(t, "a b"), func(w *rollout) {
			w.set.Spec.UpdateStrategy.MinReadySeconds = 30
			w.update(1)
			w.starts(1)
			build.SetReady(w.pods[1], true, w.now)
			w.image("agent:3")
		}, "", "Later: 2 Pods. topology.kubernetes.io/zone a comes first: 1 of its Pods are not at the new version: 1, Pod default/web-1. " +
			"topology.kubernetes.io/zone b is not at its end: Pod default/web-1 was changed and has to serve first: 1, Pod default/web-0."},
		"nor after it": {zoned(t, "a b"), func(w *rollout) {
			w.set.Spec.UpdateStrategy.MinReadySeconds = 30
			w.update(1)
			w.starts(1)
			build.SetReady(w.pods[1], true, w.now)
			w.image("agent:3").now = w.now.Add(30 * time.Second)
		}, "web-0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.rollout.image("agent:2")
			if test.play != nil {
				test.play(w)
			}
			if got := updates(w.plan()); got != test.want {
				t.Errorf("updates %q, want %q; %s", got, test.want, waitsOf(w.plan()))
			}
			if got := w.sentence(); test.waits != "" && got != test.waits {
				t.Errorf("got  %s\nwant %s", got, test.waits)
			}
		})
	}
}

// Whatever the sizes of the zones, no two of them have begun Pods at the same time, and all come to the new version.
func TestARolloutThroughZonesComesToItsEnd(t *testing.T) {
	w := zoned(t, "c a b a - b c a b").image("agent:2")
	w.set.Spec.UpdateStrategy.MaxUnavailable = build.MakeSidecarSet("s").MaxUnavailable("2").Obj().Spec.UpdateStrategy.MaxUnavailable
	var order []string
	for range 20 {
		plan := w.plan()
		seen := sets.New[string]()
		for _, u := range plan.Updates {
			seen.Insert(w.domains[u.View.Pod.Spec.NodeName])
		}
		if seen.Len() > 1 {
			t.Fatalf("zones %v at once", sets.List(seen))
		}
		order = append(order, sets.List(seen)...)
		carryOut(plan)
		for _, pod := range w.pods {
			build.RunContainers(pod)
		}
	}
	if got := strings.Join(order, " "); got != "a a b b c " {
		t.Errorf("zones in this order: %q", got)
	}
}
