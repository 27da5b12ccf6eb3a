// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// server is an API server that refuses changes of some Pods, and the memory of it.
type server struct {
	*rollout
	memory  *refusal.Memory
	refuses func(pod *corev1.Pod) error
	tries   []string
}

func newServer(w *rollout, refuses func(pod *corev1.Pod) error) *server {
	return &server{rollout: w, memory: refusal.NewMemory(), refuses: refuses}
}

func byPolicy(*corev1.Pod) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "any", errors.New("v2 is not released"))
}

func by500(*corev1.Pod) error {
	return apierrors.NewInternalError(errors.New("etcdserver: request timed out"))
}

// inNamespace refuses the Pods of one namespace.
func inNamespace(namespace string) func(*corev1.Pod) error {
	return func(pod *corev1.Pod) error {
		if pod.Namespace != namespace {
			return nil
		}
		return byPolicy(pod)
	}
}

func (s *server) snapshot() *Snapshot {
	snapshot := s.rollout.snapshot()
	snapshot.remembering(s.memory)
	return snapshot
}

// remembering puts what is remembered into a snapshot, as the gatherer does.
func (s *Snapshot) remembering(memory *refusal.Memory) {
	s.Refusals = memory.Recent(client.ObjectKeyFromObject(s.Set.Object), s.Now)
	s.Doubtful = s.Refusals.Doubtful(s.Now)
}

// round plans, carries out what is not refused, and remembers the rest.
func (s *server) round() (*Plan, *Outcome) {
	s.t.Helper()
	snapshot := s.snapshot()
	plan, err := makePlan(snapshot)
	if err != nil {
		s.t.Fatal(err)
	}
	outcome := &Outcome{}
	for write, actions := range map[string][]UpdatePod{writeUpdate: plan.Updates, writeFinish: plan.Finishes} {
		for _, u := range actions {
			s.tries = append(s.tries, u.View.Pod.Name)
			if err := s.refuses(u.View.Pod); err != nil {
				outcome.Refused = append(outcome.Refused, Refused{u, write, err})
				continue
			}
			carryOut(&Plan{Updates: []UpdatePod{u}})
			outcome.Updated = append(outcome.Updated, u)
		}
	}
	(&memory{refusals: s.memory, evictions: newEvictions()}).note(snapshot, plan, outcome)
	return plan, outcome
}

// rounds plays rounds at once, kubelets acting after each, and returns who was tried.
func (s *server) rounds(n int) []string {
	s.t.Helper()
	s.tries = nil
	for range n {
		s.round()
		for _, pod := range s.pods {
			build.RunContainers(pod)
		}
	}
	return s.tries
}

// spread puts each Pod into a namespace of its own, but for those named alike.
func (w *rollout) spread(namespaces ...string) *rollout {
	for i, namespace := range namespaces {
		w.pods[i].Namespace = namespace
	}
	return w
}

func TestARefusedPodGivesItsTurnToTheNextOne(t *testing.T) {
	s := newServer(newRollout(t, 3, build.MakeSidecarSet("s")).image("agent:2"), func(pod *corev1.Pod) error {
		if pod.Name != "web-2" {
			return nil
		}
		return byPolicy(pod)
	})
	if diff := cmp.Diff([]string{"web-2", "web-1", "web-0"}, s.rounds(4)); diff != "" {
		t.Errorf("tried within one second (-want +got):\n%s", diff)
	}
	s.now = s.now.Add(5 * time.Second)
	if diff := cmp.Diff([]string{"web-2"}, s.rounds(2)); diff != "" {
		t.Errorf("tried again after 5 s (-want +got):\n%s", diff)
	}
	s.now = s.now.Add(50 * time.Second)
	s.refuses = func(*corev1.Pod) error { return nil }
	s.rounds(1)
	if plan, _ := s.round(); len(plan.Updates)+len(plan.Refused) != 0 {
		t.Errorf("after the policy is lifted: %d updates, %d refused", len(plan.Updates), len(plan.Refused))
	}
}

func TestAThousandRefusedPodsOfOneNamespaceKeepNoOtherWaiting(t *testing.T) {
	w := newRollout(t, 1003, build.MakeSidecarSet("s"))
	for i, pod := range w.pods {
		pod.Namespace = "refusing"
		if i < 3 {
			pod.Namespace = fmt.Sprint("other-", i)
		}
	}
	s := newServer(w.image("agent:2"), inNamespace("refusing"))
	tries := s.rounds(5)
	for _, other := range []string{"web-0", "web-1", "web-2"} {
		if !slices.Contains(tries, other) {
			t.Errorf("tried in five rounds: %v; want all others and two of the thousand", tries)
		}
	}
}

func TestWhatARefusedPodCosts(t *testing.T) {
	for name, test := range map[string]struct {
		refuses func(*corev1.Pod) error
		want    []string
	}{
		"nothing, when the API server said no":           {byPolicy, []string{"web-0"}},
		"its share, when nobody knows what became of it": {by500, nil},
		"its share, when it was carried out, of course":  {func(*corev1.Pod) error { return nil }, nil},
		"nothing, when a webhook could not be asked first": {func(*corev1.Pod) error {
			return apierrors.NewInternalError(errors.New(`failed calling webhook "w": refused`))
		}, []string{"web-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(newRollout(t, 2, build.MakeSidecarSet("s")).image("agent:2"), test.refuses)
			s.round()
			plan, _ := s.round()
			if diff := cmp.Diff(test.want, decisionOf(plan).Update); diff != "" {
				t.Errorf("the next round updates (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnotherVersionForgetsWhatWasRefused(t *testing.T) {
	s := newServer(newRollout(t, 1, build.MakeSidecarSet("s")).image("agent:2"), byPolicy)
	s.round()
	if plan, _ := s.round(); len(plan.Updates) != 0 || len(plan.Refused) != 1 {
		t.Fatalf("%d updates, %d refused; want the Pod to wait", len(plan.Updates), len(plan.Refused))
	}
	s.image("agent:3")
	if plan, _ := s.round(); len(plan.Updates) != 1 {
		t.Errorf("%d updates of another version, want 1", len(plan.Updates))
	}
}

// A partition cuts the list before refusals put it into another order: other Pods do not get the version in place of
// those that it was meant for.
func TestARefusedPodKeepsItsPlaceBeforeThePartition(t *testing.T) {
	s := newServer(newRollout(t, 3, build.MakeSidecarSet("s").Partition("2")).image("agent:2"), byPolicy)
	if diff := cmp.Diff([]string{"web-2"}, s.rounds(3)); diff != "" {
		t.Errorf("tried (-want +got):\n%s", diff)
	}
}

func TestARefusedEndOfAHotUpgradeKeepsNoOtherWaiting(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	set.Obj().Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
	}
	ends := func(pod *corev1.Pod) error {
		if pod.Name != "web-2" || pod.Spec.Containers[1].Image == "empty:1" {
			return nil
		}
		return byPolicy(pod)
	}
	s := newServer(newRollout(t, 3, set).image("agent:2"), ends)
	s.rounds(8)
	status := statusOf(s.snapshot(), planOf(t, s.snapshot()), &Outcome{})
	if status.UpdatedPods != 3 || status.ReadyPods != 2 {
		t.Errorf("%d updated, %d at their end; want 3 and 2", status.UpdatedPods, status.ReadyPods)
	}
	if done, _, message := state(newProgress(s.snapshot(), planOf(t, s.snapshot()), &Outcome{})); done {
		t.Errorf("it is said to be done: %s", message)
	}
}

func planOf(t *testing.T, s *Snapshot) *Plan {
	t.Helper()
	plan, err := makePlan(s)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestWhatIsSaidOfRefusedPods(t *testing.T) {
	s := newServer(newRollout(t, 4, build.MakeSidecarSet("s")).spread("a", "a", "b", "c").image("agent:2"), func(pod *corev1.Pod) error {
		switch pod.Namespace {
		case "a":
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, pod.Name, errors.New("v2 is not released"))
		case "b":
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, pod.Name, errors.New("exceeded quota: small"))
		}
		return nil
	})
	s.rounds(6)
	snapshot := s.snapshot()
	_, _, got := state(newProgress(snapshot, planOf(t, snapshot), &Outcome{}))
	want := `The API server refuses the change of 3 Pods: a/web-0, a/web-1 (v2 is not released); b/web-2 (exceeded quota: small). ` +
		`Each is tried again within a minute; others go on.`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestWhenToLookAgainAfterARefusal(t *testing.T) {
	for name, test := range map[string]struct {
		namespaces []string
		refuses    func(*corev1.Pod) error
		rounds     int
		want       time.Duration
	}{
		"at once, for others wait":                                       {[]string{"a", "b", "c"}, inNamespace("c"), 1, time.Millisecond},
		"soon, for those left are probably refused too":                  {[]string{"a", "a", "a"}, byPolicy, 2, eachTry},
		"when the first may be tried again, for none is left":            {[]string{"a"}, byPolicy, 2, 5 * time.Second},
		"later, for the node of the Pod that restarts may be lost":       {[]string{"a"}, func(*corev1.Pod) error { return nil }, 2, unblocked},
		"never, for nothing was refused and nobody is waited for either": {nil, byPolicy, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(newRollout(t, len(test.namespaces), build.MakeSidecarSet("s")).spread(test.namespaces...).image("agent:2"), test.refuses)
			var plan *Plan
			var outcome *Outcome
			for range test.rounds {
				plan, outcome = s.round()
			}
			if got := retryIn(s.snapshot(), plan, outcome); got != test.want {
				t.Errorf("look again in %s, want %s", got, test.want)
			}
		})
	}
}

// The image of an update was written, its new resources were refused all the same.
func TestHalfAChangeIsNeverComplete(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	cpu := func(amount string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}
	}
	set.Obj().Spec.Containers[0].Resources.Requests = cpu("10m")
	s := newServer(newRollout(t, 2, set), byPolicy)
	s.image("agent:2")
	s.set.Spec.Containers[0].Resources.Requests = cpu("20m")
	for _, pod := range s.pods {
		for i := range pod.Status.ContainerStatuses { // a kubelet that resizes
			pod.Status.ContainerStatuses[i].Resources = pod.Spec.Containers[i].Resources.DeepCopy()
		}
	}
	carryOut(s.plan()) // but for the resize
	for _, pod := range s.pods {
		build.RunContainers(pod)
	}
	plan := planOf(t, s.snapshot())
	if len(plan.Completions) != 1 || len(plan.Updates) != 0 {
		t.Fatalf("%d completions and %d updates; want the second half first", len(plan.Completions), len(plan.Updates))
	}
	completion := plan.Completions[0]
	refused := &Outcome{Refused: []Refused{{completion, writeResize, byPolicy(nil)}}}
	(&memory{refusals: s.memory, evictions: newEvictions()}).note(s.snapshot(), plan, refused)

	snapshot := s.snapshot()
	plan = planOf(t, snapshot)
	if got := decisionOf(plan).Update; len(plan.Completions) != 0 || !slices.Equal(got, []string{"web-0"}) {
		t.Errorf("while its second half is refused: %d completions, updates %v; want the other Pod's update", len(plan.Completions), got)
	}
	if done, _, message := state(newProgress(snapshot, plan, &Outcome{})); done {
		t.Errorf("it is said to be done: %s", message)
	}
	s.now = s.now.Add(time.Minute)
	if plan := planOf(t, s.snapshot()); len(plan.Completions) != 0 || len(plan.Updates) != 1 || plan.Again != 1 {
		t.Errorf("a minute later: %d completions, %d updates, %d due; others go first", len(plan.Completions), len(plan.Updates), plan.Again)
	}

	// The other one's node may be lost, of which nothing but another look tells.
	carryOut(planOf(t, s.snapshot()))
	plan = planOf(t, s.snapshot())
	if plan.Again != 1 || plan.waiting() != 0 {
		t.Fatalf("%d are due, %d wait; want 1 that is due and finds no room", plan.Again, plan.waiting())
	}
	if got := retryIn(s.snapshot(), plan, &Outcome{}); got != unblocked {
		t.Errorf("look again in %s, want %s", got, unblocked)
	}
}
