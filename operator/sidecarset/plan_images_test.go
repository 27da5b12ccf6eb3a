// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// tried is what a puller of a node showed a moment ago.
func tried(w *rollout, node string, state pull.State) pull.Try {
	return pull.Try{
		Key: pull.Key{Node: node, Image: "agent:2"}, Namespace: "default", State: state, Words: "agent:2: not found",
		Began: w.now.Add(-31 * time.Second), At: w.now.Add(-time.Second),
	}
}

func cannotPull(w *rollout, node string) pull.Try { return tried(w, node, pull.Cannot) }

// onNodes puts each Pod on a node of its own.
func (w *rollout) onNodes() *rollout {
	for i, pod := range w.pods {
		pod.Spec.NodeName = fmt.Sprintf("node-%d", i+1)
	}
	return w
}

// knows sets the policy, and what pullers showed.
func (w *rollout) knows(policy v1beta1.ImagePreDownloadPolicy, tries ...pull.Try) *rollout {
	w.images = Images{Default: policy, Known: pull.Known{Tries: tries}}
	return w
}

// pulls is what a plan does about images, in short.
type pulls struct {
	Update  []string
	Waiting string
	Starts  []string
	Missing int
	Silent  int
}

func pullsOf(plan *Plan) pulls {
	out := pulls{Update: decisionOf(plan).Update, Waiting: waitsOf(plan), Missing: len(plan.Pulls.Missing), Silent: len(plan.Pulls.Silent)}
	for _, s := range plan.Pulls.Starts {
		out.Starts = append(out.Starts, s.Node+" "+s.Container+" "+s.Image)
	}
	return out
}

func TestNoPodRestartsWithAnImageThatNobodyHasPulled(t *testing.T) {
	const first, every, off = v1beta1.ImagePreDownloadFirstNode, v1beta1.ImagePreDownloadEveryNode, v1beta1.ImagePreDownloadOff
	three := func(t *testing.T, change ...func(*v1beta1.SidecarSetSpec)) *rollout {
		set := build.MakeSidecarSet("s").Container("agent", "agent:1").MaxUnavailable("2")
		for _, c := range change {
			set.Spec(c)
		}
		return newRollout(t, 3, set).image("agent:2").onNodes()
	}
	never := func(spec *v1beta1.SidecarSetSpec) { spec.Containers[0].ImagePullPolicy = corev1.PullNever }
	own := func(policy v1beta1.ImagePreDownloadPolicy) func(*v1beta1.SidecarSetSpec) {
		return func(spec *v1beta1.SidecarSetSpec) {
			spec.UpdateStrategy.ImagePreDownload = &v1beta1.SidecarSetImagePreDownload{Policy: policy}
		}
	}
	for name, test := range map[string]struct {
		rollout func(t *testing.T) *rollout
		want    pulls
	}{
		"nothing is asked where the policy is Off": {
			func(t *testing.T) *rollout { return three(t).knows(off) }, pulls{Update: []string{"web-2", "web-1"}, Waiting: "MaxUnavailable 1"},
		},
		"nor where there is none": {
			func(t *testing.T) *rollout { return three(t) }, pulls{Update: []string{"web-2", "web-1"}, Waiting: "MaxUnavailable 1"},
		},
		"the set's policy comes before that of the installation": {
			func(t *testing.T) *rollout { return three(t, own(off)).knows(first) }, pulls{Update: []string{"web-2", "web-1"}, Waiting: "MaxUnavailable 1"},
		},
		"a set that says only how, and not whether": {
			func(t *testing.T) *rollout { return three(t, own("")).knows(first) },
			pulls{Waiting: "ImagePulling 3", Starts: []string{"node-3 agent agent:2"}},
		},
		"one node pulls first, that of the Pod whose turn it is": {
			func(t *testing.T) *rollout { return three(t).knows(first) },
			pulls{Waiting: "ImagePulling 3", Starts: []string{"node-3 agent agent:2"}},
		},
		"it has the image": {
			func(t *testing.T) *rollout { w := three(t); return w.knows(first, tried(w, "node-3", pull.Has)) },
			pulls{Update: []string{"web-2", "web-1"}, Waiting: "MaxUnavailable 1"},
		},
		"no node can get it": {
			func(t *testing.T) *rollout {
				w := three(t)
				return w.knows(first, cannotPull(w, "node-3"), cannotPull(w, "node-2"), cannotPull(w, "node-1"))
			},
			pulls{Waiting: "ImageUnavailable 3", Missing: 1},
		},
		"that holds Pods that do not serve, too": {
			func(t *testing.T) *rollout {
				w := three(t)
				build.SetReady(w.pods[0], false, w.now)
				return w.knows(first, cannotPull(w, "node-3"), cannotPull(w, "node-2"), cannotPull(w, "node-1"))
			},
			pulls{Waiting: "ImageUnavailable 3", Missing: 1},
		},
		"nobody can find out, so they go": {
			func(t *testing.T) *rollout {
				w := three(t)
				refused := tried(w, "node-3", pull.SaysNothing)
				refused.Refused = true
				return w.knows(first, refused)
			},
			pulls{Update: []string{"web-2", "web-1"}, Waiting: "MaxUnavailable 1", Silent: 1},
		},
		"each node pulls, and a Pod goes when its own has the image": {
			func(t *testing.T) *rollout { w := three(t); return w.knows(every, tried(w, "node-1", pull.Has)) },
			pulls{Update: []string{"web-0"}, Waiting: "ImagePulling 2", Starts: []string{"node-3 agent agent:2", "node-2 agent agent:2"}},
		},
		"a node that cannot keeps its Pods, and all others go around it": {
			func(t *testing.T) *rollout {
				w := three(t)
				return w.knows(every, tried(w, "node-1", pull.Has), cannotPull(w, "node-3"), tried(w, "node-2", pull.Has))
			},
			pulls{Update: []string{"web-1", "web-0"}, Waiting: "ImageUnavailable 1"},
		},
		"an image that is never pulled": {
			func(t *testing.T) *rollout { return three(t, never).knows(first) },
			pulls{Update: []string{"web-2", "web-1"}, Waiting: "MaxUnavailable 1"},
		},
		"a change that brings no new image": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 1, build.MakeSidecarSet("s").Container("agent", "agent:1"))
				w.edit(func(spec *v1beta1.SidecarSetSpec) {
					spec.PatchPodMetadata = nil
					spec.Containers[0].ImagePullPolicy = ""
				})
				return w.knows(first)
			},
			pulls{},
		},
		"a paused rollout pulls nothing": {
			func(t *testing.T) *rollout {
				return three(t, func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = true }).knows(first)
			},
			pulls{},
		},
		"what the partition keeps pulls nothing": {
			func(t *testing.T) *rollout {
				return three(t, func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Partition = ptr.To(intstr.FromInt32(3)) }).knows(first)
			},
			pulls{},
		},
		"a Pod that has no node has nothing to lose": {
			func(t *testing.T) *rollout {
				w := three(t)
				w.pods = w.pods[:1]
				w.pods[0].Spec.NodeName = ""
				build.SetReady(w.pods[0], false, w.now)
				return w.knows(first)
			},
			pulls{Update: []string{"web-0"}},
		},
		"neither has one on Windows a puller": {
			func(t *testing.T) *rollout {
				w := three(t)
				w.pods = w.pods[:1]
				w.pods[0].Spec.NodeSelector = map[string]string{corev1.LabelOSStable: "windows"}
				return w.knows(first)
			},
			pulls{Update: []string{"web-0"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, pullsOf(test.rollout(t).plan())); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// What was only written says nothing of the image: it may never come.
func TestOnlyAContainerThatRunsAnImageProvesIt(t *testing.T) {
	w := newRollout(t, 3, build.MakeSidecarSet("s").Container("agent", "agent:1")).image("agent:2").onNodes()
	carryOut(w.plan()) // web-2 is written to, before anybody asked for pulls
	w.knows(v1beta1.ImagePreDownloadFirstNode)
	if diff := cmp.Diff(pulls{Waiting: "MaxUnavailable 2", Starts: []string{"node-2 agent agent:2"}}, pullsOf(w.plan())); diff != "" {
		t.Errorf("while its kubelet is about it (-want +got):\n%s", diff)
	}
	build.RunContainers(w.pods[2])
	if diff := cmp.Diff(pulls{Update: []string{"web-1"}, Waiting: "MaxUnavailable 1"}, pullsOf(w.plan())); diff != "" {
		t.Errorf("when it runs it (-want +got):\n%s", diff)
	}
	w.knows(v1beta1.ImagePreDownloadEveryNode)
	w.pods[1].Spec.NodeName = "node-3"
	want := pulls{Update: []string{"web-1"}, Waiting: "MaxUnavailable 1", Starts: []string{"node-1 agent agent:2"}}
	if diff := cmp.Diff(want, pullsOf(w.plan())); diff != "" {
		t.Errorf("another Pod of the same node (-want +got):\n%s", diff)
	}
}

func TestTheStartOfAHotUpgradeIsPulledForToo(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	set.Obj().Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
	}
	w := newRollout(t, 1, set).image("agent:2").knows(v1beta1.ImagePreDownloadFirstNode)
	if diff := cmp.Diff(pulls{Waiting: "ImagePulling 1", Starts: []string{"node-1 agent-2 agent:2"}}, pullsOf(w.plan())); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestASetWhoseImageNobodyGetsSaysSo(t *testing.T) {
	w := newRollout(t, 3, build.MakeSidecarSet("s")).image("agent:2").onNodes()
	w.knows(v1beta1.ImagePreDownloadFirstNode, cannotPull(w, "node-3"), cannotPull(w, "node-2"), cannotPull(w, "node-1"))
	r := makeReport(w.snapshot(), w.plan(), &Outcome{})
	const said = "No node that was asked can get image agent:2: agent:2: not found. Asked: node-3, node-2, node-1." +
		" Nothing restarts with it; they are asked again within 10 minutes."
	var got []string
	for _, c := range r.After {
		if c.Type == v1beta1.ConditionStalled || c.Type == v1beta1.ConditionReady || c.Type == v1beta1.ConditionReconciling {
			got = append(got, fmt.Sprintf("%s=%s %s %t", c.Type, c.Status, c.Reason, strings.HasPrefix(c.Message, said)))
		}
	}
	for _, e := range r.Events {
		got = append(got, fmt.Sprintf("%s %s %t", e.Kind, e.Reason, e.Note == said))
	}
	want := []string{"Ready=False ImageUnavailable true", "Stalled=True ImageUnavailable true", "Warning ImageUnavailable true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is said (-want +got):\n%s", diff)
	}
	if r.RequeueAfter <= 0 || r.RequeueAfter > time.Minute {
		t.Errorf("it is looked at again after %v, want when the nodes are to be asked again", r.RequeueAfter)
	}
}

// A pull may outlast the deadline. Then it is said to be under way, and not that nobody knows what is waited for.
func TestAPullThatOutlastsTheDeadlineIsNamed(t *testing.T) {
	w := newRollout(t, 3, build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.ProgressDeadlineSeconds = ptr.To[int32](60) }))
	w.image("agent:2").onNodes().knows(v1beta1.ImagePreDownloadFirstNode)
	stalled := func() string {
		t.Helper()
		plan := w.plan()
		carryOut(plan)
		status, _ := makeStatus(w.snapshotOf(plan), plan, &Outcome{Updated: plan.Updates})
		w.setStatus(status)
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
	w.images.Pullers = []pull.Puller{w.puller("node-3")}
	since := w.now.UTC().Format("2006-01-02T15:04:05Z")
	w.now = w.now.Add(59 * time.Second)
	expect("in time", "")
	w.now = w.now.Add(2 * time.Second)
	expect("after the deadline", "ProgressDeadlineExceeded: Node node-3 has been pulling image agent:2 since "+since+", and may take 600 s.")
	w.now = w.now.Add(time.Minute)
	expect("the words do not change with time", "ProgressDeadlineExceeded: Node node-3 has been pulling image agent:2 since "+since+", and may take 600 s.")
	w.knows(v1beta1.ImagePreDownloadFirstNode, tried(w, "node-3", pull.Has))
	expect("when it has ended the rollout goes on", "")
}

// puller is one that the kubelet of a node has just taken.
func (w *rollout) puller(node string) pull.Puller {
	start := pull.Start{Key: pull.Key{Node: node, Image: "agent:2"}, For: w.pods[0], Container: "agent"}
	pod := pull.NewPod(start, w.pods[0], "SidecarSet", w.set, 10*time.Minute)
	pod.UID, pod.CreationTimestamp = types.UID("puller-"+node), metav1.NewTime(w.now)
	pod.Status.StartTime = &pod.CreationTimestamp
	return pull.Puller{Pod: pod}
}

// A Pod that drains for longer than a verdict is believed began with an image that was proven. Brought back for another
// proof, it would drain anew, and so on for ever.
func TestAPodMayDrainForLongerThanAVerdictIsBelieved(t *testing.T) {
	d := newDrain(t, 2, build.MakeSidecarSet("s").Grace(900))
	d.image("agent:2")
	for _, pod := range d.pods {
		pod.Spec.NodeName = "node-1"
	}
	d.knows(v1beta1.ImagePreDownloadEveryNode, tried(d.rollout, "node-1", pull.Has))
	look := func() { d.images.Now = d.now }
	d.expect("its turn has come", heldNow+"web-1")
	d.kubelets()
	d.later(pull.Remembered)
	look()
	d.expect("it drains", nilList...)
	d.later(900 * time.Second)
	look()
	d.expect("it has drained", "update web-1")
}
