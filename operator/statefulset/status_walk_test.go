// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// Every status that is written during whole rollouts is held against what is true at that moment, as the tools that
// wait for a set would read it. What the conditions say on the way is kept in testdata/conditions.

// rollout is a world whose statuses are watched.
type rollout struct {
	*world
	began time.Time
	said  map[string]string
	story []string
}

func watchStatus(t *testing.T, w *world) *rollout {
	r := &rollout{world: w, began: w.Now()}
	w.writer.Wrote = func(request cluster.Request, _, after client.Object) {
		if set, ok := after.(*v1beta1.StatefulSet); ok && strings.HasSuffix(request.Verb, "status") {
			r.check(t, set)
			r.tell(set)
		}
	}
	return r
}

// tell notes the conditions that differ from what they were. Those that say the same as Ready do so in short.
func (r *rollout) tell(set *v1beta1.StatefulSet) {
	now, ready := map[string]string{}, ""
	var lines []string
	for _, c := range set.Status.Conditions {
		text := fmt.Sprintf("%s %s: %s", c.Status, c.Reason, r.short(c.Message))
		if c.Type == v1beta1.ConditionReady {
			ready = c.Message
		} else if c.Message == ready {
			text = fmt.Sprintf("%s %s (as Ready)", c.Status, c.Reason)
		}
		if now[c.Type] = text; r.said[c.Type] != text {
			lines = append(lines, fmt.Sprintf("  %s=%s\n", c.Type, text))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(r.said)) {
		if _, ok := now[kind]; !ok {
			lines = append(lines, fmt.Sprintf("  %s is gone\n", kind))
		}
	}
	if r.said = now; len(lines) > 0 {
		r.story = append(r.story, fmt.Sprintf("%s, generation %d\n%s", r.Now().Sub(r.began), set.Generation, strings.Join(lines, "")))
	}
}

// conditionLines renders conditions as a person reads them.
func conditionLines(status *v1beta1.StatefulSetStatus) string {
	var lines []string
	for _, c := range status.Conditions {
		lines = append(lines, fmt.Sprintf("  %s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(lines, "")
}

// event notes what happens to the world.
func (r *rollout) event(what string) { r.story = append(r.story, "--- "+what+"\n") }

// look is one look of the operator, after which the nodes go on. It reports whether anything happened, or is due.
func (r *rollout) look() bool {
	r.T.Helper()
	r.cache.Sync()
	plan, outcome := r.reconcile(context.Background())
	if err := outcome.Err(); err != nil {
		r.T.Fatalf("%v\n%s", err, r.tail())
	}
	return r.nodes() || planned(plan) > 0 || plan.RequeueAfter > 0
}

// until goes on until nothing happens and nothing is due.
func (r *rollout) until(what string) {
	r.T.Helper()
	for range 200 {
		if !r.look() {
			return
		}
		r.Pass(5 * time.Second)
	}
	r.T.Fatalf("%s: does not come to rest:\n%s", what, r.tail())
}

func TestRolloutsAreNeverSaidToBeOverTooSoon(t *testing.T) {
	web := func() *build.StatefulSetBuilder { return build.MakeStatefulSet("web") }
	slow := func(spec *v1beta1.StatefulSetSpec) { spec.MinReadySeconds = 10 }
	image := func(w *rollout) { w.image("app:2") }
	type step struct {
		what string
		do   func(w *rollout)
	}
	for name, test := range map[string]struct {
		set   *build.StatefulSetBuilder
		steps []step
		// want is what a tool sees after each step, "kstatus, Argo CD: reason".
		want []string
	}{
		"creation": {set: web().Spec(slow)},
		"ordered": {
			web().Spec(slow), []step{
				{"app:2", image},
				{"replicas 4", func(w *rollout) { w.replicas(4) }},
				{"replicas 2", func(w *rollout) { w.replicas(2) }},
				{"replicas 0", func(w *rollout) { w.replicas(0) }},
			},
			[]string{"Current, Healthy: Complete", "Current, Healthy: Complete", "Current, Healthy: Complete", "Current, Healthy: Complete"},
		},
		"parallel": {
			web().Parallel().MaxUnavailable("2").Spec(slow), []step{
				{"app:2", image},
				{"replicas 6", func(w *rollout) { w.replicas(6) }},
				{"replicas 1", func(w *rollout) { w.replicas(1) }},
			},
			[]string{"Current, Healthy: Complete", "Current, Healthy: Complete", "Current, Healthy: Complete"},
		},
		"in-place": {
			web().InPlace().Spec(slow), []step{
				{"app:2", image},
				{"a label", func(w *rollout) {
					w.edit("label", func(spec *v1beta1.StatefulSetSpec) { spec.Template.Labels["tier"] = "gold" })
				}},
				{"more cpu", func(w *rollout) {
					w.edit("env", func(spec *v1beta1.StatefulSetSpec) {
						spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
					})
				}},
			},
			[]string{"Current, Healthy: Complete", "Current, Healthy: Complete", "Current, Healthy: Complete"},
		},
		"in-place-with-grace": {
			web().InPlace().Grace(20), []step{{"app:2", image}},
			[]string{"Current, Healthy: Complete"},
		},
		"paused": {
			web(), []step{
				{"app:2, and a pause after the first Pod", func(w *rollout) {
					image(w)
					w.look()
					w.rolling("paused", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = true })
				}},
				{"replicas 4", func(w *rollout) { w.replicas(4) }},
				{"resumed", func(w *rollout) {
					w.rolling("resumed", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = false })
				}},
			},
			[]string{"Current, Suspended: Paused", "Current, Suspended: Paused", "Current, Healthy: Complete"},
		},
		"partition": {
			web().Partition(2), []step{
				{"app:2", image},
				{"partition 0", func(w *rollout) {
					w.rolling("partition 0", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Partition = ptr.To[int32](0) })
				}},
			},
			[]string{"Current, Progressing: PartitionReached", "Current, Healthy: Complete"},
		},
		"on-delete": {
			web().OnDelete(), []step{
				{"app:2", image},
				{"somebody deletes web-1", func(w *rollout) { w.deletePod("web-1") }},
				{"somebody deletes the others", func(w *rollout) { w.deletePod("web-0"); w.deletePod("web-2") }},
			},
			[]string{"Current, Degraded: NotUpdate", "Current, Degraded: NotUpdate", "Current, Healthy: Complete"},
		},
		"broken-and-corrected": {
			web(), []step{
				{"app:bad", func(w *rollout) { w.image("app:bad") }},
				{"the deadline passes", func(w *rollout) { w.Pass(10*time.Minute + time.Second) }},
				{"app:3", func(w *rollout) { w.image("app:3") }},
			},
			[]string{"InProgress, Degraded: PodsUpdating", "Failed, Degraded: ProgressDeadlineExceeded", "Current, Healthy: Complete"},
		},
		"a-pod-fails-at-rest": {
			web(), []step{
				{"web-1 is not ready any more", func(w *rollout) { w.Flaky[w.pod("web-1").UID] = true }},
				{"an hour passes", func(w *rollout) { w.Pass(time.Hour) }},
				{"it is back", func(w *rollout) { clear(w.Flaky) }},
			},
			[]string{"InProgress, Degraded: PodsNotReady", "InProgress, Degraded: PodsNotReady", "Current, Healthy: Complete"},
		},
		"hooks": {
			web().Replicas(2).InPlace().InPlaceUpdate(hook()).PreDelete(hook()), []step{
				{"a program holds both Pods", func(w *rollout) { w.hold(finalizer, "web-0", "web-1") }},
				{"app:2", image},
				{"it lets web-1 go", func(w *rollout) { w.letGo(finalizer, "web-1") }},
				{"it lets web-0 go and holds web-1", func(w *rollout) { w.hold(finalizer, "web-1"); w.nodes(); w.letGo(finalizer, "web-0") }},
				{"it holds web-0", func(w *rollout) { w.hold(finalizer, "web-0") }},
				{"replicas 1", func(w *rollout) { w.replicas(1) }},
				{"it lets web-1 go", func(w *rollout) { w.letGo(finalizer, "web-1") }},
			},
			[]string{
				"Current, Healthy: Complete", "InProgress, Degraded: PodsUpdating", "InProgress, Degraded: PodsUpdating",
				"InProgress, Degraded: PodsUpdating", "Current, Healthy: Complete", "InProgress, Degraded: ScalingDown", "Current, Healthy: Complete",
			},
		},
		"claims": {
			web().Replicas(2).Claim("data", "1Gi").GrowClaims(), []step{
				{"claims of 2Gi", func(w *rollout) { w.growClaims("2Gi") }},
				{"claims of 3Gi that cannot grow", func(w *rollout) {
					for _, claim := range w.claims() {
						w.changeClaim(claim.Name, func(claim *corev1.PersistentVolumeClaim) { claim.Spec.StorageClassName = ptr.To("fixed") })
					}
					w.growClaims("3Gi")
				}},
				{"claims of 2Gi again", func(w *rollout) { w.growClaims("2Gi") }},
			},
			[]string{"Current, Healthy: Complete", "Failed, Healthy: NotUpgradable", "Current, Healthy: Complete"},
		},
		"in-place-only": {
			web().Policy(v1beta1.InPlaceOnlyPodUpdatePolicy), []step{
				{"a new env", func(w *rollout) {
					w.edit("env", func(spec *v1beta1.StatefulSetSpec) {
						spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
					})
				}},
				{"taken back", func(w *rollout) {
					w.edit("no env", func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Env = nil })
				}},
			},
			[]string{"Failed, Degraded: NotUpgradable", "Current, Healthy: Complete"},
		},
		"no-room": {
			web().Parallel(), []step{
				{"replicas 4 on full nodes", func(w *rollout) { w.Full = true; w.replicas(4) }},
				{"the deadline passes", func(w *rollout) { w.Pass(10*time.Minute + time.Second) }},
				{"there is room", func(w *rollout) { w.Full = false }},
			},
			[]string{"InProgress, Degraded: PodsNotReady", "Failed, Degraded: ProgressDeadlineExceeded", "Current, Healthy: Complete"},
		},
		"a-lost-node": {
			web(), []step{
				{"somebody deletes web-2, whose node does not answer", func(w *rollout) { w.Lost[key("web-2")] = true; w.deletePod("web-2") }},
				{"the deadline passes", func(w *rollout) { w.Pass(10*time.Minute + time.Second) }},
				{"the node is back", func(w *rollout) { clear(w.Lost) }},
			},
			[]string{"InProgress, Degraded: PodsNotReady", "Failed, Degraded: ProgressDeadlineExceeded", "Current, Healthy: Complete"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := watchStatus(t, newWorld(t, test.set))
			r.until("creation")
			if len(test.steps) > 0 {
				r.story = nil
			}
			for i, step := range test.steps {
				r.event(step.what)
				step.do(r)
				if set := r.set("web"); set.Status.ObservedGeneration != set.Generation && kstatus(set) != "InProgress" {
					t.Errorf("%s: kstatus is %s before anybody has looked", step.what, kstatus(set))
				}
				r.nodes()
				r.until(step.what)
				set := r.set("web")
				got := fmt.Sprintf("%s, %s: %s", kstatus(set), argoHealth(set), meta.FindStatusCondition(set.Status.Conditions, "Ready").Reason)
				if got != test.want[i] {
					t.Errorf("after %s: %s, want %s\n%s", step.what, got, test.want[i], conditionLines(&set.Status))
				}
			}
			compareGolden(t, filepath.Join("testdata", "conditions", name+".txt"), strings.Join(r.story, ""))
		})
	}
}

// growClaims asks for larger claims.
func (w *world) growClaims(size string) {
	w.edit("claims of "+size, func(spec *v1beta1.StatefulSetSpec) {
		spec.VolumeClaimTemplates[0].Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
	})
}

// A status changes only one way for each cause: what has begun is not said to be over and then to have begun again.
func TestConditionsFlipOncePerCause(t *testing.T) {
	for name, set := range map[string]*build.StatefulSetBuilder{
		"one after the other": build.MakeStatefulSet("web"),
		"all at once":         build.MakeStatefulSet("web").Parallel().MaxUnavailable("3"),
		"in place":            build.MakeStatefulSet("web").InPlace(),
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, set)
			flips := map[string][]string{}
			w.writer.Wrote = func(_ cluster.Request, before, after client.Object) {
				was, ok := before.(*v1beta1.StatefulSet)
				if !ok {
					return
				}
				for _, c := range after.(*v1beta1.StatefulSet).Status.Conditions {
					if old := meta.FindStatusCondition(was.Status.Conditions, c.Type); old == nil || old.Status != c.Status {
						flips[c.Type] = append(flips[c.Type], string(c.Status))
					}
				}
			}
			w.image("app:2")
			w.roll()
			for kind, want := range map[string][]string{
				"Ready": {string(metav1.ConditionFalse), string(metav1.ConditionTrue)}, "Reconciling": {string(metav1.ConditionTrue)}, "Progressing": nil, "Stalled": nil,
			} {
				if got := flips[kind]; !slices.Equal(got, want) {
					t.Errorf("%s became %v, want %v", kind, got, want)
				}
			}
		})
	}
}
