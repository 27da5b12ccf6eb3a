// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

var update = flag.Bool("update", false, "rewrite the golden logs instead of comparing with them")

// script plays a scenario and logs what is decided and reported.
type script struct {
	*world
	evicted []Evicted
	futile  map[types.UID]bool
	log     strings.Builder
}

func (s *script) say(format string, args ...any) { fmt.Fprintf(&s.log, format+"\n", args...) }

// pass is one reconcile: it carries the plan out and logs actions and verdict.
func (s *script) pass() *Plan {
	s.t.Helper()
	snapshot := s.snapshot()
	snapshot.Evicted, snapshot.Futile = s.evicted, s.futile
	plan, err := makePlan(snapshot)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, u := range slices.Concat(plan.Updates, plan.Finishes) {
		s.say("  %s", u)
	}
	gone := goes(plan)
	for _, e := range gone {
		s.say("  %s", e)
		s.evicted = append(s.evicted, evictedNow(snapshot, e))
		s.delete(e.Pod.Name)
	}
	for _, owner := range plan.Futile {
		s.futile[owner] = true
	}
	status := statusOf(snapshot, plan, &Outcome{Updated: plan.Updates, Finished: plan.Finishes, Evicted: gone})
	carryOut(plan)
	s.setStatus(status)
	s.record()
	ready := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady)
	s.say("  = matched %d, updated %d, ready %d; Ready=%s %s: %s", status.MatchedPods, status.UpdatedPods, status.ReadyPods, ready.Status, ready.Reason, ready.Message)
	if c := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionInjected); c.Status == metav1.ConditionFalse {
		s.say("    Injected=%s %s: %s", c.Status, c.Reason, c.Message)
	}
	if c := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionUpdateLimited); c != nil {
		s.say("    UpdateLimited: %s", c.Message)
	}
	s.now = s.now.Add(5 * time.Second)
	return plan
}

func (s *script) delete(name string) {
	s.pods = slices.DeleteFunc(s.pods, func(p *corev1.Pod) bool { return p.Name == name })
}

// kubelets run what the specs say.
func (s *script) kubelets() {
	for _, pod := range s.pods {
		before := fmt.Sprint(pod.Status.ContainerStatuses)
		build.RunContainers(pod)
		if before != fmt.Sprint(pod.Status.ContainerStatuses) {
			s.say("kubelet: %s runs %s", pod.Name, images(pod))
			build.SetReady(pod, true, s.now)
		}
	}
}

// fail lets a sidecar's image be one that cannot be pulled.
func (s *script) fail(name string) {
	pod := find(s.pods, name)
	status := &pod.Status.ContainerStatuses[0]
	status.Ready, status.State = false, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
	build.SetReady(pod, false, s.now)
	s.say("kubelet: %s cannot pull %s", name, pod.Spec.Containers[0].Image)
}

func images(pod *corev1.Pod) string {
	var out []string
	for _, c := range pod.Spec.Containers {
		out = append(out, c.Image)
	}
	return strings.Join(out, " ")
}

// roll goes on until a pass does nothing.
func (s *script) roll() {
	s.t.Helper()
	for range 50 {
		plan := s.pass()
		if len(plan.Updates)+len(plan.Finishes)+len(goes(plan)) == 0 {
			return
		}
		s.kubelets()
	}
	s.t.Fatal("does not come to rest")
}

func (s *script) edit(what string, change func(*v1beta1.SidecarSetSpec)) {
	s.set = s.set.DeepCopy()
	change(&s.set.Spec)
	s.set.Generation++
	s.say("person: %s", what)
}

func (s *script) setImage(image string) {
	s.edit("image "+image, func(spec *v1beta1.SidecarSetSpec) { spec.Containers[0].Image = image })
}

func TestScenarios(t *testing.T) {
	set := func() *build.SidecarSetBuilder { return build.MakeSidecarSet("s") }
	// hot makes the set's sidecar one of two containers that take turns.
	hot := func(b *build.SidecarSetBuilder) *build.SidecarSetBuilder {
		b.Container("agent", "agent:1").Obj().Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
			UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
		}
		return b
	}
	owned := func(pod *corev1.Pod, owner string) *corev1.Pod {
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner, UID: "rs", Controller: ptr.To(true)}}
		return pod
	}
	for name, scenario := range map[string]struct {
		set  *build.SidecarSetBuilder
		pods int
		play func(s *script)
	}{
		"rolling": {set(), 3, func(s *script) {
			s.setImage("agent:2")
			s.roll()
		}},
		"paused-and-resumed": {set(), 3, func(s *script) {
			s.setImage("agent:2")
			s.pass()
			s.edit("paused", func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = true })
			s.kubelets()
			s.roll()
			s.edit("resumed", func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = false })
			s.roll()
		}},
		"selector": {set(), 3, func(s *script) {
			s.pods[1].Labels["canary"] = "yes"
			s.edit("image agent:2 for canaries", func(spec *v1beta1.SidecarSetSpec) {
				spec.Containers[0].Image = "agent:2"
				spec.UpdateStrategy.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"canary": "yes"}}
			})
			s.roll()
		}},
		"partition-half": {set().Partition("50%"), 4, func(s *script) {
			s.setImage("agent:2")
			s.roll()
			s.edit("partition 0", func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Partition = nil })
			s.roll()
		}},
		"max-unavailable-2": {set().MaxUnavailable("2"), 5, func(s *script) {
			s.setImage("agent:2")
			s.roll()
		}},
		"bad-image-then-fix": {set(), 3, func(s *script) {
			s.setImage("agent:bad")
			s.pass()
			s.fail("web-2")
			s.pass()
			s.now = s.now.Add(601 * time.Second)
			s.pass()
			s.setImage("agent:3")
			s.roll()
		}},
		"hot-upgrade": {hot(set()), 2, func(s *script) {
			s.setImage("agent:2")
			s.roll()
			s.setImage("agent:3")
			s.roll()
		}},
		"deleted-in-mid-update": {set(), 3, func(s *script) {
			s.setImage("agent:2")
			s.pass()
			s.delete("web-2")
			s.say("somebody: deletes web-2")
			s.addPod("web-3", s.now.Sub(build.Epoch))
			s.say("webhook: web-3 comes with agent:2")
			s.roll()
		}},
		"new-version-in-mid-update": {set(), 3, func(s *script) {
			s.setImage("agent:2")
			s.pass()
			s.setImage("agent:3")
			s.pass()
			s.kubelets()
			s.roll()
		}},
		"not-in-place": {set(), 2, func(s *script) {
			s.edit("other arguments", func(spec *v1beta1.SidecarSetSpec) { spec.Containers[0].Args = []string{"-v"} })
			s.roll()
		}},
		"repair": {set().Spec(func(spec *v1beta1.SidecarSetSpec) { spec.RepairPolicy = v1beta1.RepairRecreate }), 1, func(s *script) {
			for i := range 3 {
				s.pods = append(s.pods, owned(build.MakePod(fmt.Sprint("bare-", i)).Label("app", "web").Created(-time.Hour).Obj(), "web"))
			}
			s.set = s.set.DeepCopy()
			s.pass()
			s.pass()
			for i := range 3 {
				owned(s.addPod(fmt.Sprint("fresh-", i), s.now.Sub(build.Epoch)), "web")
				s.say("webhook: fresh-%d comes with its sidecar", i)
				s.pass()
			}
		}},
		"repair-while-the-webhook-is-away": {set().Spec(func(spec *v1beta1.SidecarSetSpec) { spec.RepairPolicy = v1beta1.RepairRecreate }), 0, func(s *script) {
			s.pods = append(s.pods, owned(build.MakePod("bare-0").Label("app", "web").Created(-time.Hour).Obj(), "web"),
				owned(build.MakePod("bare-1").Label("app", "web").Created(-time.Hour).Obj(), "web"))
			s.pass()
			s.pods = append(s.pods, owned(build.MakePod("bare-2").Label("app", "web").Created(s.now.Sub(build.Epoch)).Obj(), "web"))
			s.say("the webhook is away: bare-2 comes without its sidecar")
			s.pass()
			s.now = s.now.Add(2 * time.Minute)
			s.pass()
			s.say("three minutes later")
			s.now = s.now.Add(3 * time.Minute)
			s.pass()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{world: newWorld(t, scenario.pods, scenario.set), futile: map[types.UID]bool{}}
			scenario.play(s)
			compareGolden(t, filepath.Join("testdata", "scenarios", name+".txt"), s.log.String())
		})
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run the test with -update and read what it writes", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the log differs from %s (-want +got):\n%s", file, diff)
	}
}
