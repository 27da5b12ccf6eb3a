// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// refuse lets the writer answer requests with errors.
func (w *world) refuse(answers map[string]error) {
	w.writer.Fault = func(r cluster.Request) error { return answers[r.String()] }
}

// effect is what became of a plan, in short.
type effect struct {
	Created, Deleted, Changed []string
	Stale                     int
	Errors                    string
}

func (w *world) carryOut() effect {
	w.T.Helper()
	plan := w.plan()
	o := w.executor.apply(w.T.Context(), w.set("web"), plan)
	out := effect{Stale: o.Stale}
	for _, c := range o.Created {
		out.Created = append(out.Created, c.Pod.Name)
	}
	for _, d := range o.Deleted {
		out.Deleted = append(out.Deleted, d.View.Pod.Name)
	}
	for _, c := range o.Changed {
		out.Changed = append(out.Changed, c.View.Pod.Name)
	}
	if err := o.Err(); err != nil {
		out.Errors = err.Error()
	}
	return out
}

func TestOneRefusedPodDoesNotStopTheOthers(t *testing.T) {
	quota := errors.New("the quota is exceeded")
	conflict := apierrors.NewConflict(cluster.ResourceOf(cluster.Pod), "web", errors.New("it has changed"))
	for name, test := range map[string]struct {
		start   func(t *testing.T) *world
		answers map[string]error
		want    effect
	}{
		"new Pods": {
			func(t *testing.T) *world { return newWorld(t, web().Parallel().Replicas(4)) },
			map[string]error{
				"create Pod web-0": quota, "create Pod web-2": apierrors.NewAlreadyExists(cluster.ResourceOf(cluster.Pod), "web-2"),
			},
			effect{Created: []string{"web-1", "web-3"}, Stale: 1, Errors: "create Pod web-0: the quota is exceeded"},
		},
		"a claim that cannot be made keeps its own Pod from being made": {
			func(t *testing.T) *world { return newWorld(t, web().Parallel().Replicas(2).Claim("data", "1Gi")) },
			map[string]error{"create PersistentVolumeClaim data-web-0": quota},
			effect{Created: []string{"web-1"}, Errors: "create claim data-web-0: the quota is exceeded"},
		},
		"a claim that is there is as good as a new one": {
			func(t *testing.T) *world { return newWorld(t, web().Replicas(1).Claim("data", "1Gi")) },
			map[string]error{"create PersistentVolumeClaim data-web-0": apierrors.NewAlreadyExists(cluster.ResourceOf(cluster.Claim), "data-web-0")},
			effect{Created: []string{"web-0"}},
		},
		"Pods to delete": {
			func(t *testing.T) *world { return settled(t, web().Parallel().Replicas(4)).withReplicas(0) },
			map[string]error{
				"delete Pod web-3": quota, "delete Pod web-1": conflict, "delete Pod web-0": apierrors.NewNotFound(cluster.ResourceOf(cluster.Pod), "web-0"),
			},
			effect{Deleted: []string{"web-2", "web-0"}, Stale: 1, Errors: "delete Pod web-3: the quota is exceeded"},
		},
		"a claim that cannot be handed over keeps its Pod": {
			func(t *testing.T) *world {
				return settled(t, withClaim().Retain(retain, remove)).withReplicas(0)
			},
			map[string]error{"patch PersistentVolumeClaim data-web-1": quota},
			effect{Deleted: []string{"web-0"}, Errors: "change claim data-web-1: the quota is exceeded"},
		},
		"Pods to change": {
			func(t *testing.T) *world {
				return settled(t, web().Parallel().InPlace().MaxUnavailable("100%")).withImage("app:2")
			},
			map[string]error{"patch/status Pod web-2": quota, "patch Pod web-1": conflict},
			effect{Changed: []string{"web-0"}, Stale: 1, Errors: "set the conditions of Pod web-2: the quota is exceeded"},
		},
		"conditions of a Pod that is gone again": {
			func(t *testing.T) *world { return newWorld(t, web().Replicas(1).InPlace()) },
			map[string]error{"patch/status Pod web-0": apierrors.NewNotFound(cluster.ResourceOf(cluster.Pod), "web-0")},
			effect{Created: []string{"web-0"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.start(t)
			w.refuse(test.answers)
			if diff := cmp.Diff(test.want, w.carryOut()); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// Without its revision no Pod is marked with its name.
func TestNothingIsDoneBeforeTheRevisionIsRecorded(t *testing.T) {
	w := newWorld(t, web())
	revision := w.plan().Revisions.Create.Name
	w.refuse(map[string]error{"create ControllerRevision " + revision: errors.New("the quota is exceeded")})
	if diff := cmp.Diff(effect{Errors: "create revision " + revision + ": the quota is exceeded"}, w.carryOut()); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

// A set that is being deleted has just let its Pods and its history go: the cache may not know. A revision that it took
// back would be deleted with it, and whoever adopts the Pods next would not know what they are made from.
func TestASetThatIsGoingAdoptsNothing(t *testing.T) {
	w := leftByAppsV1(t)
	plan := w.plan()
	set := w.set("web").DeepCopy()
	set.DeletionTimestamp = ptr.To(w.Second())
	w.Put(set)
	if o := w.executor.apply(t.Context(), w.set("web"), plan); len(o.Owned) > 0 || o.Stale != 4 {
		t.Errorf("adopted %v, stale %d, want the 3 Pods and the revision", o.Owned, o.Stale)
	}
	for _, r := range w.recorded() {
		if owner := metav1.GetControllerOf(r); owner != nil {
			t.Errorf("revision %s was adopted by %s %s", r.Name, owner.Kind, owner.Name)
		}
	}
}

// withCPU is a set that asks for more cpu than its Pods have.
func withCPU(t *testing.T) *world {
	ask := func(amount string) func(*v1beta1.StatefulSetSpec) {
		return func(spec *v1beta1.StatefulSetSpec) {
			spec.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}
		}
	}
	w := settled(t, web().InPlace().Spec(ask("100m")))
	w.edit("cpu", ask("200m"))
	return w
}

// heartbeat is what a kubelet writes of a Pod now and then that goes on as it is.
func (w *world) heartbeat(name string) {
	w.changePod(name, func(pod *corev1.Pod) {
		pod.Status.PodIP = "10.0.0.9"
		pod.Status.ContainerStatuses[0].RestartCount++
	})
}

// The cache is a moment behind. What has changed since is not written over.
func TestWritesRestOnWhatWasSeen(t *testing.T) {
	again := func(w *world, name string) {
		spec := w.pod(name).DeepCopy()
		w.remove(cluster.Pod, name)
		spec.UID = ""
		w.Add(spec)
	}
	for name, test := range map[string]struct {
		start func(t *testing.T) *world
		then  func(w *world)
		want  effect
	}{
		"another Pod of that name is not deleted": {
			func(t *testing.T) *world { return settled(t, web()).withImage("app:2") },
			func(w *world) { again(w, "web-2") },
			effect{Stale: 1},
		},
		"another Pod of that name is not changed": {
			func(t *testing.T) *world { return settled(t, web().InPlace()).withImage("app:2") },
			func(w *world) { again(w, "web-2") },
			effect{Stale: 1},
		},
		"a Pod that has begun to serve is not deleted for free": {
			func(t *testing.T) *world { return settled(t, web()).withImage("app:2").unready("web-0") },
			func(w *world) { w.changePod("web-0", func(pod *corev1.Pod) { w.SetReady(pod, true) }) },
			effect{Stale: 1},
		},
		"a Pod that has begun to serve is not changed for free": {
			func(t *testing.T) *world { return settled(t, web().InPlace()).withImage("app:2").unready("web-0") },
			func(w *world) { w.changePod("web-0", func(pod *corev1.Pod) { w.SetReady(pod, true) }) },
			effect{Stale: 1},
		},
		"a Pod that has begun to serve is not resized for free": {
			func(t *testing.T) *world { return withCPU(t).unready("web-0") },
			func(w *world) { w.changePod("web-0", func(pod *corev1.Pod) { w.SetReady(pod, true) }) },
			effect{Stale: 1},
		},
		"what else the kubelet says of a Pod that does not serve is in nobody's way": {
			func(t *testing.T) *world { return settled(t, web().InPlace()).withImage("app:2").unready("web-0") },
			func(w *world) { w.heartbeat("web-0") },
			effect{Changed: []string{"web-0"}},
		},
		"nor is it in the way of new resources": {
			func(t *testing.T) *world { return withCPU(t).unready("web-0") },
			func(w *world) { w.heartbeat("web-0") },
			effect{Changed: []string{"web-0"}},
		},
		"a Pod that is Ready, but not available yet, has to be as it was": {
			func(t *testing.T) *world {
				w := settled(t, web().InPlace()).withImage("app:2")
				return w.labelled(v1beta1.LifecycleStateLabel, string(v1beta1.LifecycleStateUpdated), "web-0")
			},
			func(w *world) { w.heartbeat("web-0") },
			effect{Stale: 1},
		},
		"what the kubelet says of a Pod whose turn has come is in nobody's way": {
			func(t *testing.T) *world { return settled(t, web()).withImage("app:2") },
			func(w *world) { w.changePod("web-2", func(pod *corev1.Pod) { pod.Status.PodIP = "10.0.0.9" }) },
			effect{Deleted: []string{"web-2"}},
		},
		"a claim that got another owner is not written over": {
			func(t *testing.T) *world { return settled(t, withClaim().Retain(retain, remove)).withReplicas(1) },
			func(w *world) {
				w.changeClaim("data-web-1", func(claim *corev1.PersistentVolumeClaim) {
					claim.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "other"}}
				})
			},
			effect{Stale: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.start(t)
			plan := w.plan()
			test.then(w)
			o := w.executor.apply(t.Context(), w.set("web"), plan)
			got := effect{Stale: o.Stale}
			for _, d := range o.Deleted {
				got.Deleted = append(got.Deleted, d.View.Pod.Name)
			}
			for _, c := range o.Changed {
				got.Changed = append(got.Changed, c.View.Pod.Name)
			}
			if err := o.Err(); err != nil {
				got.Errors = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// Quota admission answers with a conflict when many draw on it at once. Nothing about the Pod or its claim changes
// afterwards, so no event brings another try.
func TestAConflictAboutANewObjectIsTriedAgain(t *testing.T) {
	conflict := apierrors.NewConflict(cluster.ResourceOf("resourcequotas"), "compute", errors.New("it has changed"))
	for name, test := range map[string]struct{ refused, want string }{
		"a Pod":   {"create Pod web-0", "create Pod web-0: " + conflict.Error()},
		"a claim": {"create PersistentVolumeClaim data-web-0", "create claim data-web-0: " + conflict.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, web().Replicas(1).Claim("data", "1Gi"))
			w.refuse(map[string]error{test.refused: conflict})
			if diff := cmp.Diff(effect{Errors: test.want}, w.carryOut()); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsStaleIsLookedAtAgain(t *testing.T) {
	for name, test := range map[string]struct {
		outcome Outcome
		want    time.Duration
	}{
		"all was done":                        {Outcome{}, 0},
		"something had changed":               {Outcome{Stale: 1}, time.Second},
		"the name of a new revision is taken": {Outcome{Collided: true}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.outcome.requeueAfter(); got != test.want {
				t.Errorf("in %s, want %s", got, test.want)
			}
		})
	}
}

func TestThousandsOfRefusalsAreCounted(t *testing.T) {
	var o Outcome
	for range 10_000 {
		o.CreateErrors = append(o.CreateErrors, errors.New("the quota is exceeded"))
	}
	want := strings.Repeat("the quota is exceeded\n", 5) + "and 9995 more"
	if diff := cmp.Diff(want, o.Err().Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if len(o.CreateErrors) != 10_000 || o.CreateErrors[5].Error() != "the quota is exceeded" {
		t.Error("the outcome itself was changed")
	}
}
