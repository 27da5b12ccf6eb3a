// SPDX-License-Identifier: Apache-2.0

package sidecarset_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/operator/sidecarset"
)

// script plays a scenario and logs what is decided and reported.
type script struct {
	*cluster
	log strings.Builder
}

func (s *script) say(format string, args ...any) { fmt.Fprintf(&s.log, format+"\n", args...) }

// actions are what the operator says that it does: its log, but for details and for conditions.
type actions struct{ said []string }

func (*actions) Init(logr.RuntimeInfo)            {}
func (*actions) Enabled(level int) bool           { return level == 0 }
func (*actions) Error(error, string, ...any)      {}
func (a *actions) WithValues(...any) logr.LogSink { return a }
func (a *actions) WithName(string) logr.LogSink   { return a }
func (a *actions) Info(_ int, text string, with ...any) {
	if len(with) == 0 {
		a.said = append(a.said, text)
	}
}

// pass is one look of the operator, after which five seconds pass. It logs actions and verdict, and reports whether
// there was anything to do.
func (s *script) pass() bool {
	s.T.Helper()
	s.cache.Sync()
	did := &actions{}
	if err := s.look(log.IntoContext(s.T.Context(), logr.New(did))); err != nil {
		s.T.Fatal(err)
	}
	for _, action := range did.said {
		s.say("  %s", action)
	}
	status := s.set().Status
	ready := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady)
	s.say("  = matched %d, updated %d, ready %d; Ready=%s %s: %s",
		status.MatchedPods, status.UpdatedPods, status.ReadyPods, ready.Status, ready.Reason, ready.Message)
	if c := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionInjected); c.Status == metav1.ConditionFalse {
		s.say("    Injected=%s %s: %s", c.Status, c.Reason, c.Message)
	}
	if c := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionUpdateLimited); c != nil {
		s.say("    UpdateLimited: %s", c.Message)
	}
	s.Pass(5 * time.Second)
	return len(did.said) > 0
}

// addPod adds a Pod that runs, with or without its sidecars.
func (s *script) addPod(name, owner string, created time.Time, injected bool) {
	pod := build.MakePod(name).Label("app", "web").New().Obj()
	pod.CreationTimestamp = metav1.NewTime(created)
	if owner != "" {
		pod.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: world.ReplicaSet, Name: owner, UID: "rs", Controller: ptr.To(true)}}
	}
	if injected {
		if err := s.admit(pod, false); err != nil {
			s.T.Fatal(err)
		}
	}
	pod.Spec.NodeName = "node-1"
	build.RunContainers(pod)
	build.SetReady(pod, true, created)
	s.Add(pod)
	s.nodes.Kubelet(client.ObjectKeyFromObject(pod))
}

// kubelets do what is to be done.
func (s *script) kubelets() {
	for _, pod := range s.Pods() {
		key := client.ObjectKeyFromObject(pod)
		for range 3 {
			s.nodes.Kubelet(key)
		}
		now := s.Pod(key)
		if now == nil || fmt.Sprint(pod.Status.ContainerStatuses) == fmt.Sprint(now.Status.ContainerStatuses) {
			continue
		}
		if i := slices.IndexFunc(now.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.State.Waiting != nil }); i >= 0 {
			s.say("kubelet: %s cannot pull %s", pod.Name, pod.Spec.Containers[i].Image)
			continue
		}
		s.say("kubelet: %s runs %s", pod.Name, images(pod))
	}
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
	s.T.Helper()
	for range 50 {
		if !s.pass() {
			return
		}
		s.kubelets()
	}
	s.T.Fatal("does not come to rest")
}

func (s *script) edit(what string, change func(*v1beta1.SidecarSetSpec)) {
	s.cluster.edit(change)
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
	before := build.Epoch.Add(-time.Hour)
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
			s.ChangePod(world.Key{Namespace: "default", Name: "web-1"}, func(pod *corev1.Pod) { pod.Labels["canary"] = "yes" })
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
			s.kubelets()
			s.pass()
			s.Pass(601 * time.Second)
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
			s.Remove(world.Pod, world.Key{Namespace: "default", Name: "web-2"})
			s.say("somebody: deletes web-2")
			s.addPod("web-3", "", s.Now(), true)
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
		"repair": {repairing(), 1, func(s *script) {
			for i := range 3 {
				s.addPod(fmt.Sprint("bare-", i), "web", before, false)
			}
			s.pass()
			s.pass()
			for i := range 3 {
				s.addPod(fmt.Sprint("fresh-", i), "web", s.Now(), true)
				s.say("webhook: fresh-%d comes with its sidecar", i)
				s.pass()
			}
		}},
		"repair-while-the-webhook-is-away": {repairing(), 0, func(s *script) {
			s.addPod("bare-0", "web", before, false)
			s.addPod("bare-1", "web", before, false)
			s.pass()
			s.addPod("bare-2", "web", s.Now(), false)
			s.say("the webhook is away: bare-2 comes without its sidecar")
			s.pass()
			s.Pass(2 * time.Minute)
			s.pass()
			s.say("three minutes later")
			s.Pass(3 * time.Minute)
			s.pass()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{cluster: newCluster(t, scenario.set, "default")}
			s.Add(world.MakeNode("node-1", nil))
			for i := range scenario.pods {
				s.addPod(fmt.Sprint("web-", i), "", build.Epoch.Add(time.Duration(i)*time.Minute), true)
			}
			scenario.play(s)
			sidecarset.CompareGolden(t, filepath.Join("testdata", "scenarios", name+".txt"), s.log.String())
		})
	}
}
