// SPDX-License-Identifier: Apache-2.0

package disruption

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// made is a budget of namespace shop that the disruption controller has seen.
func made(name string, selector *metav1.LabelSelector, status policyv1.PodDisruptionBudgetStatus) policyv1.PodDisruptionBudget {
	status.ObservedGeneration = 1
	return policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Generation: 1},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: selector}, Status: status,
	}
}

func app(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
}

// allowing is a status as the disruption controller writes it.
func allowing(healthy, needed int32) policyv1.PodDisruptionBudgetStatus {
	return policyv1.PodDisruptionBudgetStatus{
		CurrentHealthy: healthy, DesiredHealthy: needed, ExpectedPods: healthy, DisruptionsAllowed: max(0, healthy-needed),
	}
}

// ofApp are Pods app-0, app-1, ... of namespace shop; those whose numbers are named do not serve.
func ofApp(name string, n int, down ...int) []corev1.Pod {
	out := make([]corev1.Pod, n)
	for i := range out {
		out[i].Namespace, out[i].Name, out[i].Labels = "shop", fmt.Sprintf("%s-%d", name, i), map[string]string{"app": name, "n": fmt.Sprint(i)}
		out[i].UID, out[i].Status.Phase = types.UID("uid of "+out[i].Name), corev1.PodRunning
	}
	for _, i := range down {
		out[i].Status.Phase = corev1.PodPending
	}
	return out
}

func running(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning }

func counter(pods []corev1.Pod, budgets ...policyv1.PodDisruptionBudget) *Counter {
	return NewCounter(Budgets{"shop": {Budgets: Read(budgets), Pods: pods}}, running)
}

func TestWhichBudgetsCoverAPod(t *testing.T) {
	expression := func(operator metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: operator, Values: values}}}
	}
	for name, test := range map[string]struct {
		selector *metav1.LabelSelector
		want     bool
	}{
		"none":                        {nil, false},
		"the empty one":               {&metav1.LabelSelector{}, true},
		"its label":                   {app("web"), true},
		"another value":               {app("db"), false},
		"one of several values":       {expression(metav1.LabelSelectorOpIn, "web", "db"), true},
		"the only value":              {expression(metav1.LabelSelectorOpIn, "web"), true},
		"not the only value":          {expression(metav1.LabelSelectorOpNotIn, "web"), false},
		"not another value":           {expression(metav1.LabelSelectorOpNotIn, "db"), true},
		"that there is such a label":  {expression(metav1.LabelSelectorOpExists), true},
		"that there is none":          {expression(metav1.LabelSelectorOpDoesNotExist), false},
		"what the API server refuses": {expression("Like", "web"), false},
	} {
		t.Run(name, func(t *testing.T) {
			pods := ofApp("web", 1)
			got := counter(pods, made("b", test.selector, allowing(1, 0))).Covering(&pods[0])
			if (len(got) == 1) != test.want {
				t.Errorf("covering: %v, want one: %t", got, test.want)
			}
		})
	}
	t.Run("a budget of another namespace", func(t *testing.T) {
		pods := ofApp("web", 1)
		pods[0].Namespace = "bank"
		if got := counter(nil, made("b", app("web"), allowing(1, 0))).Covering(&pods[0]); len(got) > 0 {
			t.Errorf("covering: %v", got)
		}
	})
}

func TestWhatABudgetAllows(t *testing.T) {
	unobserved := made("web", app("web"), allowing(3, 1))
	unobserved.Generation = 2
	failed := made("web", app("web"), policyv1.PodDisruptionBudgetStatus{CurrentHealthy: 3, DesiredHealthy: 1, Conditions: []metav1.Condition{{
		Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.SyncFailedReason,
		Message: `found no controllers for pod "web-0"`,
	}}})
	granted := allowing(3, 1)
	granted.DisruptionsAllowed, granted.DisruptedPods = 0, map[string]metav1.Time{"web-2": {}}
	late := allowing(2, 2)
	for name, test := range map[string]struct {
		pods    []corev1.Pod
		budgets []policyv1.PodDisruptionBudget
		taken   int
		want    string
	}{
		"no budget covers it":                {pods: ofApp("web", 1), budgets: []policyv1.PodDisruptionBudget{made("db", app("db"), allowing(1, 1))}},
		"one more is healthy than is needed": {pods: ofApp("web", 3), budgets: []policyv1.PodDisruptionBudget{made("web", app("web"), allowing(3, 2))}},
		"as many are healthy as are needed": {
			pods: ofApp("web", 3), budgets: []policyv1.PodDisruptionBudget{made("web", app("web"), allowing(3, 3))},
			want: "PodDisruptionBudget shop/web allows none now (3 healthy of 3 needed)",
		},
		"what the plan has taken is down": {
			pods: ofApp("web", 3), budgets: []policyv1.PodDisruptionBudget{made("web", app("web"), allowing(3, 2))}, taken: 1,
			want: "PodDisruptionBudget shop/web allows none now (2 healthy of 2 needed)",
		},
		"a Pod is down, which the disruption controller does not know yet": {
			pods: ofApp("web", 3, 2), budgets: []policyv1.PodDisruptionBudget{made("web", app("web"), allowing(3, 2))},
			want: "PodDisruptionBudget shop/web allows none now (2 healthy of 2 needed)",
		},
		"a Pod is back, which the disruption controller does not know yet": {
			pods: ofApp("web", 3), budgets: []policyv1.PodDisruptionBudget{made("web", app("web"), late)},
			want: "PodDisruptionBudget shop/web allows none now (the disruption controller counts 2 healthy of 2 needed)",
		},
		"it has changed, and the disruption controller has not seen that": {
			pods: ofApp("web", 3), budgets: []policyv1.PodDisruptionBudget{unobserved},
			want: "PodDisruptionBudget shop/web allows none before the disruption controller has seen its last change",
		},
		"the disruption controller cannot count": {
			pods: ofApp("web", 3), budgets: []policyv1.PodDisruptionBudget{failed},
			want: `PodDisruptionBudget shop/web allows none, since the disruption controller cannot count its Pods: found no controllers for pod "web-0"`,
		},
		"an eviction was granted": {
			pods: ofApp("web", 3), budgets: []policyv1.PodDisruptionBudget{made("web", app("web"), granted)},
			want: "PodDisruptionBudget shop/web allows none now (evictions granted and not carried out: 1)",
		},
		"two budgets, of which the second says no": {
			pods: ofApp("web", 3),
			budgets: []policyv1.PodDisruptionBudget{
				made("web", app("web"), allowing(3, 3)), made("all", &metav1.LabelSelector{}, allowing(3, 1)),
			},
			want: "PodDisruptionBudget shop/web allows none now (3 healthy of 3 needed)",
		},
		"a budget of others has nothing to say": {
			pods: append(ofApp("db", 3, 0, 1), ofApp("web", 3)...),
			budgets: []policyv1.PodDisruptionBudget{
				made("db", app("db"), allowing(1, 1)), made("web", app("web"), allowing(3, 2)),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := counter(test.pods, test.budgets...)
			for i := range test.taken {
				c.Take(&test.pods[i])
			}
			_, got := c.Obstacle(&test.pods[len(test.pods)/2])
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("obstacle (-want +got):\n%s", diff)
			}
		})
	}
}

// A Pod that is covered twice is taken from both budgets.
func TestAPodIsTakenFromEachOfItsBudgets(t *testing.T) {
	pods := ofApp("web", 3)
	c := counter(pods, made("web", app("web"), allowing(3, 1)), made("all", &metav1.LabelSelector{}, allowing(3, 2)), made("db", app("db"), allowing(0, 0)))
	got := c.Take(&pods[0])
	if diff := cmp.Diff([]types.NamespacedName{{Namespace: "shop", Name: "all"}, {Namespace: "shop", Name: "web"}}, got); diff != "" {
		t.Errorf("taken from (-want +got):\n%s", diff)
	}
	if b, _ := c.Obstacle(&pods[1]); b == nil || b.Key().Name != "all" {
		t.Errorf("obstacle %v, want that of the budget that has none left", b)
	}
}

// A change of it was begun and refused, so it is not counted among those that serve; but it does, and needs a share once.
func TestAPodThatIsNotCountedDoesNotStandInItsOwnWay(t *testing.T) {
	for name, test := range map[string]struct {
		down []int
		want string
	}{
		"all others serve":     {[]int{0}, ""},
		"another one does not": {[]int{0, 1}, "PodDisruptionBudget shop/web allows none now (1 healthy of 2 needed)"},
	} {
		t.Run(name, func(t *testing.T) {
			pods := ofApp("web", 3, test.down...)
			c := counter(pods, made("web", app("web"), allowing(3, 2)))
			_, got := c.Obstacle(&pods[0])
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("obstacle (-want +got):\n%s", diff)
			}
			c.Take(&pods[0])
			if b, _ := c.Obstacle(&pods[2]); b == nil {
				t.Error("a second one may go too")
			}
		})
	}
}

// Most budgets are of Pods that nobody wants to restart now.
func TestPodsAreCountedOnlyForBudgetsThatAreAsked(t *testing.T) {
	pods, asked := append(ofApp("web", 3), ofApp("db", 3)...), map[string]int{}
	c := NewCounter(Budgets{"shop": {Budgets: Read([]policyv1.PodDisruptionBudget{
		made("web", app("web"), allowing(3, 2)), made("db", app("db"), allowing(3, 2)),
	}), Pods: pods}}, func(pod *corev1.Pod) bool {
		asked[pod.Labels["app"]]++
		return true
	})
	for range 3 {
		c.Obstacle(&pods[0])
	}
	if diff := cmp.Diff(map[string]int{"web": 3}, asked); diff != "" {
		t.Errorf("Pods that were counted (-want +got):\n%s", diff)
	}
}

func BenchmarkCounter(b *testing.B) {
	var pods []corev1.Pod
	var budgets []policyv1.PodDisruptionBudget
	for i := range 100 {
		name := fmt.Sprintf("app-%d", i)
		pods = append(pods, ofApp(name, 100)...)
		budgets = append(budgets, made(name, app(name), allowing(100, 90)))
	}
	known := Budgets{"shop": {Budgets: Read(budgets), Pods: pods}}
	for b.Loop() {
		c := NewCounter(known, running)
		for i := range pods {
			if obstacle, _ := c.Obstacle(&pods[i]); obstacle == nil {
				c.Take(&pods[i])
			}
		}
	}
}
