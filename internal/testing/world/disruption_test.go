// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	build "github.com/windlass-operator/windlass/internal/testing"
)

var budgetKey = Key{Namespace: "default", Name: "web"}

// setUpBudget is a ReplicaSet of three with as many Pods as are named, and a budget of its Pods.
func setUpBudget(t *testing.T, change func(spec *policyv1.PodDisruptionBudgetSpec), pods ...string) *Store {
	t.Helper()
	s := NewStore(t)
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "rs"}, Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](3)},
	}
	s.Add(set)
	for _, name := range pods {
		pod := build.MakePod(name).Label("app", "web").Obj()
		pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind(ReplicaSet))}
		s.Add(pod)
	}
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}
	budget.Spec.Selector = metav1.SetAsLabelSelector(map[string]string{"app": "web"})
	change(&budget.Spec)
	s.Add(budget)
	return s
}

func minAvailable(value string) func(spec *policyv1.PodDisruptionBudgetSpec) {
	return func(spec *policyv1.PodDisruptionBudgetSpec) { spec.MinAvailable = ptr.To(intstr.Parse(value)) }
}

func maxUnavailable(value string) func(spec *policyv1.PodDisruptionBudgetSpec) {
	return func(spec *policyv1.PodDisruptionBudgetSpec) { spec.MaxUnavailable = ptr.To(intstr.Parse(value)) }
}

func allowed(s *Store) string {
	status := Get[*policyv1.PodDisruptionBudget](s, Budget, budgetKey).Status
	return fmt.Sprintf("%d: %d of %d, %d expected", status.DisruptionsAllowed, status.CurrentHealthy, status.DesiredHealthy, status.ExpectedPods)
}

func TestADisruptionBudgetIsCounted(t *testing.T) {
	for name, test := range map[string]struct {
		change func(spec *policyv1.PodDisruptionBudgetSpec)
		pods   []string
		want   string
	}{
		"a number of Pods that are there":    {minAvailable("2"), []string{"a", "b"}, "0: 2 of 2, 2 expected"},
		"a share of what the controller has": {minAvailable("50%"), []string{"a", "b", "c"}, "1: 3 of 2, 3 expected"},
		"so many of those there should be":   {maxUnavailable("1"), []string{"a", "b"}, "0: 2 of 2, 3 expected"},
		"a share rounds up":                  {maxUnavailable("50%"), []string{"a", "b", "c"}, "2: 3 of 1, 3 expected"},
	} {
		t.Run(name, func(t *testing.T) {
			s := setUpBudget(t, test.change, test.pods...)
			s.Disruptions()
			if diff := cmp.Diff(test.want, allowed(s)); diff != "" {
				t.Errorf("allowed (-want +got):\n%s", diff)
			}
		})
	}
}

// A budget that allows one lets one go, before its controller has looked again, and another one only when the first is
// gone or two minutes are over.
func TestAnEvictionTakesFromTheBudget(t *testing.T) {
	s := setUpBudget(t, minAvailable("2"), "a", "b", "c")
	a, b := Key{Namespace: "default", Name: "a"}, Key{Namespace: "default", Name: "b"}
	if err := s.Evict(a); !apierrors.IsTooManyRequests(err) {
		t.Errorf("a budget that nobody has counted yet: %v", err)
	}
	s.Disruptions()
	if err := s.Evict(a); err != nil {
		t.Fatal(err)
	}
	if err := s.Evict(b); !apierrors.IsTooManyRequests(err) {
		t.Errorf("two are evicted of a budget for one: %v", err)
	}
	s.Disruptions()
	got := []string{allowed(s)}
	s.ChangePod(b, func(pod *corev1.Pod) { s.SetReady(pod, false) })
	s.Disruptions()
	got = append(got, allowed(s))
	if diff := cmp.Diff([]string{"0: 2 of 2, 3 expected", "0: 1 of 2, 3 expected"}, got); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
}

// What was granted and never done holds its share for two minutes.
func TestADisruptedPodCountsForTwoMinutes(t *testing.T) {
	s := setUpBudget(t, minAvailable("1"), "a", "b", "c")
	Change(s, Budget, budgetKey, func(budget *policyv1.PodDisruptionBudget) {
		budget.Status.DisruptedPods = map[string]metav1.Time{"a": s.Second()}
	})
	s.Disruptions()
	got := []string{allowed(s)}
	s.Pass(deletionTimeout)
	s.Disruptions()
	got = append(got, allowed(s))
	if diff := cmp.Diff([]string{"1: 2 of 1, 3 expected", "2: 3 of 1, 3 expected"}, got); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
}

// A Pod that does not serve is let go while all that has to be healthy is.
func TestABrokenPodIsEvicted(t *testing.T) {
	s := setUpBudget(t, minAvailable("2"), "a", "b", "c")
	s.ChangePod(Key{Namespace: "default", Name: "a"}, func(pod *corev1.Pod) { s.SetReady(pod, false) })
	s.Disruptions()
	if err := s.Evict(Key{Namespace: "default", Name: "a"}); err != nil {
		t.Error(err)
	}
}

// makePuller is a Pod of which nothing runs.
func makePuller(name, image string, deadline time.Duration) *corev1.Pod {
	pod := build.MakePod(name).New().Obj()
	pod.Spec = corev1.PodSpec{
		NodeName: "node-1", RestartPolicy: corev1.RestartPolicyNever, ActiveDeadlineSeconds: ptr.To(int64(deadline.Seconds())),
		Containers: []corev1.Container{{Name: "pull", Image: image, Command: []string{"/nothing"}}},
	}
	return pod
}

func TestACommandThatNoImageHasPullsTheImage(t *testing.T) {
	for name, test := range map[string]struct {
		image   string
		trouble Trouble
		change  func(n *Nodes)
		phase   corev1.PodPhase
		has     bool
	}{
		"an image that is there to pull":      {"app:2", Well, func(*Nodes) {}, corev1.PodFailed, true},
		"a tag that nobody has pushed":        {"app:bad", Well, func(*Nodes) {}, corev1.PodPending, false},
		"one that was pushed later":           {"app:bad", Well, func(n *Nodes) { n.Pushed["app:bad"] = true }, corev1.PodFailed, true},
		"a node that pulls nothing":           {"app:2", NoPull, func(n *Nodes) { n.IfNotPresent = true }, corev1.PodPending, false},
		"unless it has the image":             {"app:2", NoPull, func(n *Nodes) { n.IfNotPresent = true; n.Pulls("node-1", "app:2") }, corev1.PodFailed, true},
		"a pull that never comes to its end":  {"app:2", Trickles, func(n *Nodes) { n.IfNotPresent = true; n.Pass(time.Minute) }, corev1.PodPending, false},
		"nor within the time that it may use": {"app:2", Trickles, func(n *Nodes) { n.IfNotPresent = true; n.Pass(3 * time.Hour) }, corev1.PodFailed, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := NewNodes(NewStore(t))
			n.Troubles["node-1"] = test.trouble
			puller := makePuller("puller", test.image, 10*time.Minute)
			puller.CreationTimestamp, puller.Status.Phase = n.Second(), corev1.PodPending
			n.Add(puller)
			test.change(n)
			key := Key{Namespace: "default", Name: "puller"}
			for range 3 {
				n.Kubelet(key)
			}
			pod := n.Pod(key)
			if diff := cmp.Diff(test.phase, pod.Status.Phase); diff != "" {
				t.Errorf("phase (-want +got):\n%s", diff)
			}
			id := len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].ImageID != ""
			if diff := cmp.Diff([]bool{test.has, test.has}, []bool{n.Has("node-1", test.image), id}); diff != "" {
				t.Errorf("the node has it, the Pod says so (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAResizeIsPutOffOrRefused(t *testing.T) {
	for trouble, reason := range map[Trouble]string{NoResize: corev1.PodReasonInfeasible, NoRoom: corev1.PodReasonDeferred} {
		t.Run(string(trouble), func(t *testing.T) {
			s := NewStore(t)
			n := NewNodes(s)
			s.Add(build.MakePod("web-0").Obj())
			n.Kubelet(webKey)
			n.Troubles["node-1"] = trouble
			s.ChangePod(webKey, func(pod *corev1.Pod) {
				pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: build.Quantity("1")}
			})
			n.Kubelet(webKey)
			if c := Condition(s.Pod(webKey), corev1.PodResizePending); c == nil || c.Reason != reason {
				t.Errorf("the kubelet says %+v, want %s", c, reason)
			}
			n.Troubles["node-1"] = Well
			n.Kubelet(webKey)
			if c := Condition(s.Pod(webKey), corev1.PodResizePending); c != nil {
				t.Errorf("the kubelet says still %+v", c)
			}
		})
	}
}
