// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// deleted has Pods end, of which the API server was asked some time ago. Their containers have a minute for it.
func (w *rollout) deleted(ago time.Duration, pods ...int) *rollout {
	const grace = time.Minute
	for _, i := range pods {
		w.pods[i].DeletionTimestamp = &metav1.Time{Time: w.now.Add(grace - ago)}
		w.pods[i].DeletionGracePeriodSeconds = ptr.To(int64(grace / time.Second))
	}
	return w
}

// A Pod that is being deleted is down, whoever has deleted it, until there is another in its place.
func TestAPodThatIsBeingDeletedIsDown(t *testing.T) {
	for name, test := range map[string]struct {
		rollout *rollout
		want    string // which Pods are updated
		waits   string
	}{
		"the last one that serves stays": {
			newRollout(t, 2, limited("")).deployed("cart:2").deleted(time.Second, 0), "",
			"Later: 1 Pod. Deployment default/cart has 1 of 2 down (limit 1), not by this rollout: web-0: 1, Pod default/web-1.",
		},
		"one of three": {newRollout(t, 3, limited("1")).deployed("cart:3").deleted(time.Second, 0), "", ""},
		"the one that came in its place counts alone": {
			newRollout(t, 3, limited("1")).deployed("cart:3").born(2, time.Second).deleted(2*time.Second, 0), "web-2", "",
		},
		"and only for one of them": {
			newRollout(t, 4, limited("1")).deployed("cart:4").born(3, time.Second).deleted(2*time.Second, 0, 1), "", "",
		},
		"what was there before is in nobody's place": {
			newRollout(t, 3, limited("1")).deployed("cart:3").born(2, 3*time.Second).deleted(2*time.Second, 0), "", "",
		},
		"another workload goes on": {newRollout(t, 4, limited("")).deployed("cart:2 web:2").deleted(time.Second, 0), "web-3", ""},
		"Pods that nothing made":   {newRollout(t, 2, limited("")).deleted(time.Second, 0), "web-1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.rollout.image("agent:2")
			if got := updates(w.plan()); got != test.want {
				t.Errorf("updates %q, want %q", got, test.want)
			}
			if got := w.sentence(); test.waits != "" && got != test.waits {
				t.Errorf("got  %s\nwant %s", got, test.waits)
			}
		})
	}
}

// born has a Pod created some time ago.
func (w *rollout) born(pod int, ago time.Duration) *rollout {
	w.pods[pod].CreationTimestamp = metav1.NewTime(w.now.Add(-ago))
	return w
}

// What repair has evicted is down once, and for as long as it takes to end.
func TestAnEvictedPodThatIsBeingDeletedIsDownOnce(t *testing.T) {
	for name, ago := range map[string]time.Duration{"it was evicted just now": time.Second, "long ago": 30 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			w := newRollout(t, 3, limited("2")).deployed("cart:3").image("agent:2")
			s := w.snapshot()
			gone := evictedNow(s, EvictPod{Pod: w.pods[0]})
			gone.At = w.now.Add(-ago)
			s = w.deleted(ago, 0).snapshot()
			s.Evicted = []Evicted{gone}
			if got := updates(planOf(t, s)); got != "web-2" {
				t.Errorf("updates %q, want web-2: two of three may be down", got)
			}
		})
	}
}

// Pods that the set selects count for their workloads, whether or not it has anything else to do with them.
func TestWhichPodsAreBeside(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	canary := build.MakeSidecarSet("next").Container("agent", "agent:2").Obj()
	metav1.SetMetaDataAnnotation(&canary.ObjectMeta, v1beta1.SidecarSetCanaryAnnotation, "true")
	metav1.SetMetaDataAnnotation(&canary.ObjectMeta, v1beta1.SidecarSetBaseAnnotation, "s")
	pod := func(name string) *build.PodBuilder { return build.MakePod(name).Namespace("shop").Label("app", "web") }
	terminating := pod("terminating").Terminating().Obj()
	terminating.Finalizers = []string{"shop/keeps-it"}
	ended := pod("ended").Obj()
	ended.Status.Phase = "Succeeded"
	served := pod("of-the-canary").Annotation(v1beta1.SidecarSetInjectedListAnnotation, "next").Obj()
	off := build.MakePod("off").Namespace("off").Label("app", "web").Terminating().Obj()
	off.Finalizers = terminating.Finalizers
	s, err := gathererOf(t, set, canary, terminating, ended, served, off, pod("uninjected").Obj()).snapshot(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, pod := range s.Beside {
		got += pod.Name + " "
	}
	if want := "of-the-canary terminating "; got != want {
		t.Errorf("beside: %s, want %s", got, want)
	}
}

// The Pods of a workload of which a canary serves some are one workload for both sets.
func TestAPodThatACanaryServesCountsForItsWorkload(t *testing.T) {
	w := newRollout(t, 1, limited("")).deployed("cart:1").image("agent:2")
	other := build.MakePod("other").Label("app", "web").New().Obj()
	ownedBy(other, "cart")
	s := w.snapshot()
	s.Beside = append(s.Beside, other)
	if got := updates(planOf(t, s)); got != "" {
		t.Errorf("updates %q, and web-0 is the last of its workload that serves", got)
	}
	build.RunContainers(other)
	build.SetReady(other, true, w.now)
	if got := updates(planOf(t, s)); got != "web-0" {
		t.Errorf("updates %q, want web-0", got)
	}
}
