// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// pulls is what a plan does about images, in short.
type pulls struct {
	Update  []string
	Starts  []string
	Waiting []string
	Missing int
}

// pullsIn plans on the world as it is, with every Pod on a node of its own, a policy of the installation, and what
// pullers of nodes have shown.
func pullsIn(t *testing.T, w *world, policy v1beta1.ImagePreDownloadPolicy, tries map[string]pull.State) (pulls, *progress) {
	t.Helper()
	w.cache.Sync()
	s := w.snapshot()
	s.Images.Now, s.Images.Default = s.Now, policy
	for _, node := range []string{"node-2", "node-1", "node-0"} {
		if state := tries[node]; state != "" {
			s.Images.Tries = append(s.Images.Tries, pull.Try{
				Key: pull.Key{Node: node, Image: "app:2"}, Namespace: "default", State: state, Words: "not found",
				Began: s.Now.Add(-31 * time.Second), At: s.Now.Add(-time.Second),
			})
		}
	}
	plan, err := makePlan(s)
	if err != nil {
		t.Fatal(err)
	}
	out := pulls{Missing: len(plan.Pulls.Missing)}
	for _, c := range plan.Change {
		if c.Updates {
			out.Update = append(out.Update, c.View.Pod.Name)
		}
	}
	for _, d := range plan.Delete {
		out.Update = append(out.Update, "recreate "+d.View.Pod.Name)
	}
	for _, s := range plan.Pulls.Starts {
		out.Starts = append(out.Starts, s.Node+" "+s.Container+" "+s.Image)
	}
	for _, wait := range plan.Rollout.Waits {
		out.Waiting = append(out.Waiting, wait.Why+": "+strings.Join(wait.Pods, " "))
	}
	return out, newProgress(s, plan, &Outcome{})
}

func TestNoPodOfAStatefulSetRestartsWithAnImageThatNobodyHasPulled(t *testing.T) {
	const first, every, off = v1beta1.ImagePreDownloadFirstNode, v1beta1.ImagePreDownloadEveryNode, v1beta1.ImagePreDownloadOff
	const one, each = "Image app:2 is pulled on one node first", "Image app:2 is pulled on their nodes first"
	inPlace := func(t *testing.T, change ...func(*v1beta1.StatefulSet)) *world {
		set := web().InPlace().MaxUnavailable("2")
		for _, c := range change {
			c(set.Obj())
		}
		w := settled(t, set).withImage("app:2")
		for i := range 3 {
			w.changePod(fmt.Sprintf("web-%d", i), func(pod *corev1.Pod) { pod.Spec.NodeName = fmt.Sprintf("node-%d", i) })
		}
		return w
	}
	fields := func(change func(*v1beta1.InPlaceUpdateStrategy)) func(*v1beta1.StatefulSet) {
		return func(set *v1beta1.StatefulSet) {
			in := &v1beta1.InPlaceUpdateStrategy{}
			change(in)
			set.Spec.UpdateStrategy.RollingUpdate.InPlaceUpdateStrategy = in
		}
	}
	never := func(set *v1beta1.StatefulSet) {
		set.Spec.Template.Spec.Containers[0].ImagePullPolicy = corev1.PullNever
	}
	cannot, has := pull.Cannot, pull.Has
	for name, test := range map[string]struct {
		world  func(t *testing.T) *world
		policy v1beta1.ImagePreDownloadPolicy
		tries  map[string]pull.State
		want   pulls
	}{
		"Off":      {func(t *testing.T) *world { return inPlace(t) }, off, nil, pulls{Update: []string{"web-2", "web-1"}}},
		"no value": {func(t *testing.T) *world { return inPlace(t) }, "", nil, pulls{Update: []string{"web-2", "web-1"}}},
		"the node of the highest ordinal pulls first": {
			func(t *testing.T) *world { return inPlace(t) }, first, nil,
			pulls{Starts: []string{"node-2 app app:2"}, Waiting: []string{one + ": web-2 web-1 web-0"}},
		},
		"it has the image": {
			func(t *testing.T) *world { return inPlace(t) }, first, map[string]pull.State{"node-2": has}, pulls{Update: []string{"web-2", "web-1"}},
		},
		"no node can get it": {
			func(t *testing.T) *world { return inPlace(t) }, first, map[string]pull.State{"node-2": cannot, "node-1": cannot, "node-0": cannot},
			pulls{Waiting: []string{"No node that was asked can get image app:2: web-2 web-1 web-0"}, Missing: 1},
		},
		"a field means that each node pulls": {
			func(t *testing.T) *world {
				return inPlace(t, fields(func(in *v1beta1.InPlaceUpdateStrategy) { in.ImagePreDownloadTimeoutSeconds = ptr.To[int32](60) }))
			}, off, map[string]pull.State{"node-0": has},
			pulls{Update: []string{"web-0"}, Starts: []string{"node-2 app app:2", "node-1 app app:2"}, Waiting: []string{each + ": web-2 web-1"}},
		},
		"a percentage of the nodes pulls at a time": {
			func(t *testing.T) *world {
				return inPlace(t, fields(func(in *v1beta1.InPlaceUpdateStrategy) {
					in.ImagePreDownloadParallelism = ptr.To(intstr.FromString("34%"))
				}))
			}, off, map[string]pull.State{"node-0": has},
			pulls{Update: []string{"web-0"}, Starts: []string{"node-2 app app:2", "node-1 app app:2"}, Waiting: []string{each + ": web-2 web-1"}},
		},
		"an annotation does the same": {
			func(t *testing.T) *world {
				return inPlace(t, func(set *v1beta1.StatefulSet) {
					set.Annotations = map[string]string{v1beta1.ImagePreDownloadParallelismAnnotation: "1"}
				})
			}, off, map[string]pull.State{"node-0": has},
			pulls{Update: []string{"web-0"}, Starts: []string{"node-2 app app:2"}, Waiting: []string{each + ": web-2 web-1"}},
		},
		"until a Pod is updated one node is enough": {
			func(t *testing.T) *world {
				return inPlace(t, fields(func(in *v1beta1.InPlaceUpdateStrategy) {
					in.ImagePreDownloadMinUpdatedReadyPods = ptr.To(intstr.FromInt32(1))
				}))
			}, off, map[string]pull.State{"node-0": has},
			pulls{Update: []string{"web-2", "web-1"}},
		},
		"a node that cannot keeps its Pod, and the others go on": {
			func(t *testing.T) *world { return inPlace(t) }, every, map[string]pull.State{"node-2": cannot, "node-1": has, "node-0": has},
			pulls{Update: []string{"web-1", "web-0"}, Waiting: []string{"Node node-2 cannot get image app:2: not found: web-2"}},
		},
		"Pods that are recreated may start on any node": {
			func(t *testing.T) *world { return settled(t, web()).withImage("app:2") }, every, nil, pulls{Update: []string{"recreate web-2"}},
		},
		"broken Pods go at once": {
			func(t *testing.T) *world { return inPlace(t).waiting("CrashLoopBackOff", "web-0") }, first, nil,
			pulls{Update: []string{"web-0"}, Starts: []string{"node-2 app app:2"}, Waiting: []string{one + ": web-2 web-1"}},
		},
		"a Pod that drains for an earlier version is brought back, and its node pulls first": {
			func(t *testing.T) *world {
				w := inPlace(t, fields(func(in *v1beta1.InPlaceUpdateStrategy) { in.GracePeriodSeconds = 5 }))
				w.changePod("web-1", func(pod *corev1.Pod) {
					w.SetReady(pod, false)
					cluster.SetCondition(pod, corev1.PodCondition{
						Type: v1beta1.InPlaceUpdateReadyCondition, Status: corev1.ConditionFalse,
						Reason: v1beta1.ReasonStartInPlaceUpdate, LastTransitionTime: w.Second(),
					})
				})
				return w
			}, first, nil, pulls{Starts: []string{"node-1 app app:2"}, Waiting: []string{one + ": web-1 web-2 web-0"}},
		},
		"an image that is never pulled": {
			func(t *testing.T) *world { return inPlace(t, never) }, first, nil, pulls{Update: []string{"web-2", "web-1"}},
		},
		"paused": {func(t *testing.T) *world {
			return inPlace(t, func(set *v1beta1.StatefulSet) { set.Spec.UpdateStrategy.RollingUpdate.Paused = true })
		}, first, nil, pulls{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := pullsIn(t, test.world(t), test.policy, test.tries)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// A Pod whose hook takes longer than a verdict is believed began with an image that was proven. Brought back for another
// proof, it would never be updated.
func TestAHookMayTakeLongerThanAVerdictIsBelieved(t *testing.T) {
	for name, policy := range map[string]v1beta1.ImagePreDownloadPolicy{
		"FirstNode": v1beta1.ImagePreDownloadFirstNode, "EveryNode": v1beta1.ImagePreDownloadEveryNode,
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, web().InPlace()).withImage("app:2")
			w.changePod("web-2", func(pod *corev1.Pod) {
				pod.Spec.NodeName = "node-2"
				pod.Labels[v1beta1.LifecycleStateLabel] = string(v1beta1.LifecycleStatePreparingUpdate)
			})
			w.cache.Sync()
			s := w.snapshot()
			s.Images = Images{Default: policy, Known: pull.Known{Now: s.Now, Tries: []pull.Try{{
				Key: pull.Key{Node: "node-2", Image: "app:2"}, Namespace: "default", State: pull.Has, At: s.Now.Add(-pull.Remembered),
			}}}}
			plan, err := makePlan(s)
			if err != nil {
				t.Fatal(err)
			}
			if len(plan.Change) != 1 || plan.Change[0].View.Pod.Name != "web-2" || !plan.Change[0].Updates {
				t.Errorf("plan %q", plan.lines())
			}
		})
	}
}

func TestAStatefulSetWhoseImageNobodyGetsSaysSo(t *testing.T) {
	w := settled(t, web().InPlace()).withImage("app:2")
	for i := range 3 {
		w.changePod(fmt.Sprintf("web-%d", i), func(pod *corev1.Pod) { pod.Spec.NodeName = "node-1" })
	}
	_, p := pullsIn(t, w, v1beta1.ImagePreDownloadFirstNode, map[string]pull.State{"node-1": pull.Cannot})
	const said = "No node that was asked can get image app:2: not found. Asked: node-1. Nothing restarts with it; they are asked again within 10 minutes."
	v := p.situation()
	stalled := stalledCondition(p, v)
	if stalled == nil || stalled.Reason != v1beta1.ReasonImageUnavailable || stalled.Message != said {
		t.Errorf("Stalled is %+v, want ImageUnavailable: %s", stalled, said)
	}
	if want := "No node that was asked can get image app:2: web-2, web-1, web-0."; !strings.Contains(v.message, want) {
		t.Errorf("Ready says %q, without %q", v.message, want)
	}
	if strings.Contains(v.message, "within maxUnavailable") {
		t.Errorf("Pods that wait for an image are said to wait for their turn: %s", v.message)
	}
}

// A pull may outlast the deadline. Then it is said to be under way, and not only what waits for it.
func TestAPullOfAStatefulSetThatOutlastsTheDeadlineIsNamed(t *testing.T) {
	set := web().InPlace()
	set.Obj().Spec.ProgressDeadlineSeconds = ptr.To[int32](60)
	w := settled(t, set).withImage("app:2")
	for i := range 3 {
		w.changePod(fmt.Sprintf("web-%d", i), func(pod *corev1.Pod) { pod.Spec.NodeName = fmt.Sprintf("node-%d", i) })
	}
	var pullers []pull.Puller
	stalled := func() string {
		t.Helper()
		w.cache.Sync()
		s := w.snapshot()
		s.Images = Images{Known: pull.Known{Now: s.Now, Pullers: pullers}, Default: v1beta1.ImagePreDownloadFirstNode}
		plan, err := makePlan(s)
		if err != nil {
			t.Fatal(err)
		}
		status, _ := makeStatus(s, plan, w.executor.apply(t.Context(), s.Set, plan))
		if _, err := w.writeStatus(t.Context(), s.Set, status); err != nil {
			t.Fatal(err)
		}
		c := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionStalled)
		if c == nil {
			return ""
		}
		return c.Reason + ": " + c.Message
	}
	expect := func(step, want string) {
		t.Helper()
		if diff := cmp.Diff(want, stalled()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	expect("before it begins", "")
	pod, now := w.pod("web-2"), w.snapshot().Now
	puller := pull.NewPod(pull.Start{Key: pull.Key{Node: "node-2", Image: "app:2"}, For: pod, Container: "app"}, pod, "StatefulSet", w.set("web"), time.Hour)
	puller.UID, puller.CreationTimestamp = "puller", metav1.NewTime(now)
	puller.Status.StartTime = &puller.CreationTimestamp
	pullers = []pull.Puller{{Pod: puller}}
	w.Pass(50 * time.Second)
	expect("in time", "")
	w.Pass(20 * time.Second)
	expect("after the deadline", "ProgressDeadlineExceeded: Node node-2 has been pulling image app:2 since "+
		now.UTC().Format("2006-01-02T15:04:05Z")+", and may take 600 s.")
}
