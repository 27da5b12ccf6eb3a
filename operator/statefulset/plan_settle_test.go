// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// podWrites are the writes to Pods of a rollout to its end.
func podWrites(w *world) (out []string) {
	w.T.Helper()
	w.writer.Wrote = func(r cluster.Request, _, _ client.Object) {
		if r.Kind == cluster.Pod {
			out = append(out, r.String())
		}
	}
	w.roll()
	return out
}

func TestWritesOfAnUpdateInPlace(t *testing.T) {
	one := func() *build.StatefulSetBuilder { return web().Replicas(1).InPlace() }
	marks := hook()
	marks.MarkPodNotReady = true
	for name, test := range map[string]struct {
		set  *build.StatefulSetBuilder
		edit func(spec *v1beta1.StatefulSetSpec)
		want []string
	}{
		"an image: out of service, changed, back in service": {
			one(), func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Image = "app:2" },
			[]string{"patch/status Pod web-0", "patch Pod web-0", "patch/status Pod web-0"},
		},
		"an image, with a grace period": {
			one().Grace(10), func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Image = "app:2" },
			[]string{"patch/status Pod web-0", "patch Pod web-0", "patch/status Pod web-0"},
		},
		"a label restarts nothing": {
			one(), func(spec *v1beta1.StatefulSetSpec) { spec.Template.Labels["tier"] = "x" },
			[]string{"patch Pod web-0"},
		},
		"resources restart nothing": {
			one().Spec(cpu("100m")), cpu("200m"),
			[]string{"patch/resize Pod web-0", "patch Pod web-0"},
		},
		"an image of a Pod without the gate": {
			web().Replicas(1), func(spec *v1beta1.StatefulSetSpec) {
				spec.UpdateStrategy.RollingUpdate.PodUpdatePolicy = v1beta1.InPlaceIfPossiblePodUpdatePolicy
				spec.Template.Spec.Containers[0].Image = "app:2"
			},
			[]string{"patch Pod web-0"},
		},
		"an image, and a hook that nobody uses": {
			one().InPlaceUpdate(marks), func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Image = "app:2" },
			[]string{"patch/status Pod web-0", "patch Pod web-0", "patch/status Pod web-0", "patch Pod web-0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, test.set)
			uid := w.pod("web-0").UID
			w.edit("", test.edit)
			if diff := cmp.Diff(test.want, podWrites(w)); diff != "" {
				t.Errorf("writes (-want +got):\n%s\n%s", diff, w.tail())
			}
			if w.pod("web-0").UID != uid {
				t.Error("the Pod was recreated")
			}
		})
	}
}

func cpu(amount string) func(spec *v1beta1.StatefulSetSpec) {
	return func(spec *v1beta1.StatefulSetSpec) {
		spec.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}
	}
}

// The gates by which a Pod leaves service are added to new Pods, not demanded of the template, and what they wait for
// is said at once.
func TestReadinessGates(t *testing.T) {
	marks := hook()
	marks.MarkPodNotReady = true
	inPlace, kruise := v1beta1.InPlaceUpdateReadyCondition, v1beta1.KruisePodReadyCondition
	given := web().InPlace().Spec(func(spec *v1beta1.StatefulSetSpec) {
		spec.Template.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: inPlace}}
	})
	for name, test := range map[string]struct {
		set  *build.StatefulSetBuilder
		want []corev1.PodConditionType
	}{
		"ReCreate needs none":                        {web(), nil},
		"in place needs one":                         {web().InPlace(), []corev1.PodConditionType{inPlace}},
		"InPlaceOnly too":                            {web().Policy(v1beta1.InPlaceOnlyPodUpdatePolicy), []corev1.PodConditionType{inPlace}},
		"one that the template has is not added":     {given, []corev1.PodConditionType{inPlace}},
		"a hook that marks Pods needs one":           {web().PreDelete(marks), []corev1.PodConditionType{kruise}},
		"a hook that does not mark them needs none":  {web().PreDelete(hook()), nil},
		"two hooks that mark Pods need one, not two": {web().PreDelete(marks).InPlaceUpdate(marks), []corev1.PodConditionType{kruise}},
		"in place with a hook that marks Pods: both": {web().InPlace().InPlaceUpdate(marks), []corev1.PodConditionType{inPlace, kruise}},
	} {
		t.Run(name, func(t *testing.T) {
			created := newWorld(t, test.set).plan().Create[0]
			var gates, conditions []corev1.PodConditionType
			for _, gate := range created.Pod.Spec.ReadinessGates {
				gates = append(gates, gate.ConditionType)
			}
			for _, c := range created.Conditions {
				if c.Status != corev1.ConditionTrue {
					t.Errorf("%s is %s", c.Type, c.Status)
				}
				conditions = append(conditions, c.Type)
			}
			if diff := cmp.Diff([][]corev1.PodConditionType{test.want, test.want}, [][]corev1.PodConditionType{gates, conditions}); diff != "" {
				t.Errorf("gates, conditions (-want +got):\n%s", diff)
			}
		})
	}
}

// A Pod is out of service for its whole grace period before it is changed, and the operator looks again when that is
// over.
func TestGracePeriod(t *testing.T) {
	w := settled(t, web().Replicas(1).InPlace().Grace(10))
	w.image("app:2")
	began := w.Now()
	w.pass()
	if pods.IsTrue(pods.Condition(w.pod("web-0"), corev1.PodReady)) {
		t.Error("the Pod is still in service")
	}
	for range 5 {
		w.cache.Sync()
		due := w.plan().RequeueAfter
		if w.pod("web-0").Spec.Containers[0].Image == "app:2" {
			break
		}
		if due <= 0 {
			t.Fatal("nothing is due")
		}
		w.Pass(due)
		w.pass()
	}
	if took := w.Now().Sub(began); took < 10*time.Second || took > 11*time.Second {
		t.Errorf("changed after %s, want 10 s to 11 s", took)
	}
}

// What takes a Pod out of service is undone when the reason is gone.
func TestBackInService(t *testing.T) {
	for name, undo := range map[string]func(w *world){
		"rolled back": func(w *world) { w.image("app:1") },
		"paused": func(w *world) {
			w.rolling("paused", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = true })
		},
		"a partition": func(w *world) {
			w.rolling("partition", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { *r.Partition = 1 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, web().Replicas(1).InPlace().Grace(10))
			w.image("app:2")
			w.once()
			undo(w)
			w.roll()
			if !serves(w.pod("web-0")) || w.pod("web-0").Spec.Containers[0].Image != "app:1" {
				t.Errorf("web-0 does not serve as before:\n%s", w.tail())
			}
		})
	}
}

// A Pod whose labels of identity somebody took away gets them back.
func TestIdentityIsRepaired(t *testing.T) {
	w := settled(t, web().Replicas(2))
	w.changePod("web-1", func(pod *corev1.Pod) {
		delete(pod.Labels, "apps.kubernetes.io/pod-index")
		pod.Labels["statefulset.kubernetes.io/pod-name"] = "web-0"
	})
	w.pass()
	want := map[string]string{
		"app": "web", "apps.kubernetes.io/pod-index": "1", "statefulset.kubernetes.io/pod-name": "web-1",
		"lifecycle.apps.kruise.io/state": "Normal", "controller-revision-hash": w.recorded()[0].Name,
	}
	if diff := cmp.Diff(want, w.pod("web-1").Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// A Pod that goes on with another change while one is under way is changed once more, and ends with the newest.
func TestASecondRevisionInTheMiddle(t *testing.T) {
	w := settled(t, web().Replicas(2).InPlace())
	uids := []string{string(w.pod("web-0").UID), string(w.pod("web-1").UID)}
	w.image("app" + cluster.BadTag)
	w.roll()
	w.image("app:3")
	w.roll()
	for i, pod := range w.Pods() {
		if pod.Spec.Containers[0].Image != "app:3" || !serves(pod) || string(pod.UID) != uids[i] {
			t.Errorf("%s has image %s, UID %s\n%s", pod.Name, pod.Spec.Containers[0].Image, pod.UID, w.tail())
		}
	}
}

// The lines of a plan begin with the highest ordinal, also for changes.
func TestOrderOfActions(t *testing.T) {
	w := settled(t, web().Parallel().InPlace().MaxUnavailable("100%")).withImage("app:2")
	var got []int
	for _, c := range w.plan().Change {
		got = append(got, c.View.Ordinal)
	}
	if !slices.Equal(got, []int{2, 1, 0}) {
		t.Errorf("changes in the order %v", got)
	}
}
