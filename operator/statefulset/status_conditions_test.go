// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// Conditions that whole rollouts in testdata/conditions do not show.
func TestConditions(t *testing.T) {
	web := func() *build.StatefulSetBuilder { return build.MakeStatefulSet("web") }
	refuseOne := func(plan *Plan) *Outcome {
		o := carriedAllOut(plan)
		o.Created, o.CreateErrors = o.Created[1:], []error{errors.New("create Pod web-0: pods \"web-0\" is forbidden: exceeded quota: small")}
		return o
	}
	for name, test := range map[string]struct {
		start   func(t *testing.T) *world
		outcome func(plan *Plan) *Outcome
		// want are conditions by type, "" for one that must not be there.
		want map[string]string
	}{
		"a quota": {
			start:   func(t *testing.T) *world { return newWorld(t, web().Parallel()) },
			outcome: refuseOne,
			want: map[string]string{
				"Ready": `False ScalingUp: The API server refused this: create Pod web-0: pods "web-0" is forbidden: exceeded quota: small. ` +
					`Waiting for Pods to be available: web-1 (just created), web-2 (just created). Still to be created: 1 Pod.`,
				"Scaling":         `True ScaleBlocked: The API server refuses Pods; FailedCreatePod quotes it. Still to be created: 1 of 3 Pods, web-0 the first.`,
				"Reconciling":     `True ScalingUp: The API server refused this: create Pod web-0: pods "web-0" is forbidden: exceeded quota: small.`,
				"FailedCreatePod": `True CreateRefused: The API server refused this: create Pod web-0: pods "web-0" is forbidden: exceeded quota: small.`,
				"FailedUpdatePod": "",
				"Stalled":         "",
			},
		},
		"a name that is taken": {
			start: func(t *testing.T) *world {
				w := newWorld(t, web().Replicas(1))
				w.Add(build.MakePod("web-0").Label("app", "other").Obj())
				return w
			},
			want: map[string]string{
				"Ready": "False ScalingUp: Pod web-0 cannot be created: its name is taken by a Pod without a controller that spec.selector does not match; " +
					"delete that, or delete its owner with --cascade=orphan to hand its Pods over. Still to be created: 1 Pod.",
				"Scaling": "True ScaleBlocked: Ordinal 0: Pod web-0 cannot be created: its name is taken by a Pod without a controller that spec.selector does not match; " +
					"delete that, or delete its owner with --cascade=orphan to hand its Pods over. Still to be created: 1 of 1 Pod, web-0 the first.",
				"Available": "False MinimumReplicasUnavailable: Pods available: 0, wanted: 1, needed at least: 1.",
			},
		},
		"OrderedReady behind a Pod that cannot run": {
			start: func(t *testing.T) *world {
				w := newWorld(t, web().Image("app:bad"))
				w.roll()
				return w
			},
			want: map[string]string{
				"Scaling": "True ScaleBlocked: Ordinal 1: Pod web-1 is not created yet: with OrderedReady Pod web-0 has to be available first (container app: image app:bad cannot be pulled (ImagePullBackOff)). " +
					"Still to be created: 2 of 3 Pods, web-1 the first.",
				"Ready": "False ScalingUp: Pod web-1 is not created yet: with OrderedReady Pod web-0 has to be available first (container app: image app:bad cannot be pulled (ImagePullBackOff)). " +
					"Cannot run: web-0: container app: image app:bad cannot be pulled (ImagePullBackOff). Still to be created: 2 Pods.",
			},
		},
		"scaling down behind a Pod that does not serve": {
			start: func(t *testing.T) *world {
				w := settled(t, web())
				w.Flaky[w.pod("web-0").UID] = true
				w.nodes()
				w.replicas(2)
				return w
			},
			want: map[string]string{
				"Ready": "False ScalingDown: Pod web-2 is not deleted yet: with OrderedReady Pod web-0 has to be available first (not Ready). " +
					"Waiting for Pods to go: web-2. Waiting for Pods to be available: web-0 (not Ready).",
				"Scaling": "True ScaleBlocked: Ordinal 2: Pod web-2 is not deleted yet: with OrderedReady Pod web-0 has to be available first (not Ready). " +
					"Too many: 1 Pod, web-2 the first to go; wanted: 2.",
				"Reconciling": "True ScalingDown: Pod web-2 is not deleted yet: with OrderedReady Pod web-0 has to be available first (not Ready).",
			},
		},
		"a refused change in place": {
			start: func(t *testing.T) *world { w := settled(t, web().InPlace()); w.image("app:2"); return w },
			outcome: func(*Plan) *Outcome {
				return &Outcome{InPlaceErrors: []error{errors.New("change Pod web-2: denied by policy")}, DeleteErrors: []error{errors.New("delete Pod web-1: no")}}
			},
			want: map[string]string{
				"FailedUpdatePod": "True UpdateRefused: The API server refused 2 writes, the first: change Pod web-2: denied by policy.",
				"FailedCreatePod": "",
				"Progressing":     "True NewRevision: Updated and available: 0 of 3 Pods.",
				"Ready": "False PodsUpdating: Update to revision <app:2>: 0 of 3 Pods done. The API server refused 2 writes, the first: change Pod web-2: denied by policy. " +
					"Later, within maxUnavailable: 2 Pods.",
			},
		},
		"a refused repair of a Pod at rest": {
			start: func(t *testing.T) *world {
				w := settled(t, web())
				w.changePod("web-1", func(pod *corev1.Pod) { pod.Labels["apps.kubernetes.io/pod-index"] = "7" })
				return w
			},
			outcome: func(*Plan) *Outcome { return &Outcome{UpdateErrors: []error{errors.New("change Pod web-1: no")}} },
			want: map[string]string{
				"Ready":           "False PodsUpdating: The API server refused this: change Pod web-1: no.",
				"FailedUpdatePod": "True UpdateRefused: The API server refused this: change Pod web-1: no.",
			},
		},
		"Pods that were just adopted are looked at again": {
			start: leftByAppsV1,
			want:  map[string]string{"Ready": "False PodsUpdating: Pods changed while they were looked at; looking again."},
		},
		"the only Pod is changed, and nothing else is left to do": {
			start: func(t *testing.T) *world { w := settled(t, web().Replicas(1).InPlace()); w.image("app:2"); return w },
			want: map[string]string{
				"Ready":       "False PodsUpdating: Update to revision <app:2>: 0 of 1 Pod done. Waiting for Pods to be available: web-0 (just updated in place).",
				"Reconciling": "True PodsUpdating: Waiting for Pods to be available: web-0 (just updated in place).",
			},
		},
		"a Pod that is out of service before its change": {
			start: func(t *testing.T) *world { w := settled(t, web().InPlace().Grace(10)); w.image("app:2"); return w },
			want: map[string]string{
				"Ready": "False PodsUpdating: Update to revision <app:2>: 0 of 3 Pods done. Waiting for Pods to be available: web-2 (taken out of service for its update). " +
					"Later, within maxUnavailable: 2 Pods.",
			},
		},
		"paused with a Pod that cannot run": {
			start: func(t *testing.T) *world {
				w := settled(t, web())
				w.image("app:bad")
				w.roll()
				w.rolling("paused", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = true })
				return w
			},
			want: map[string]string{
				"Ready":       "False PodsNotReady: Cannot run: web-2: container app: image app:bad cannot be pulled (ImagePullBackOff). The update is paused; 2 Pods are not at revision <app:bad>.",
				"Progressing": "True Paused: Updated and available: 0 of 3 Pods.",
			},
		},
		"paused with nothing to update": {
			start: func(t *testing.T) *world { return settled(t, web().Paused()) },
			want:  map[string]string{"Ready": "True Paused: Updates are paused; no Pod waits for one."},
		},
		"a new Pod waits for its hook": {
			start: func(t *testing.T) *world {
				w := newWorld(t, web().Replicas(1).PreNormal(v1beta1.LifecycleHook{LabelsHandler: map[string]string{"a": "b"}, FinalizersHandler: []string{finalizer}}))
				w.roll()
				return w
			},
			want: map[string]string{
				"Ready": "False PodsNotReady: Waiting for lifecycle hooks: web-0 (hook preNormal, to be set: finalizer example.com/hook and label a=b).",
			},
		},
		"one Pod of one may not be unavailable for Available": {
			start: func(t *testing.T) *world { w := settled(t, web().Replicas(1)); w.image("app:2"); return w },
			want:  map[string]string{"Available": "False MinimumReplicasUnavailable: Pods available: 0, wanted: 1, needed at least: 1."},
		},
		"nobody is wanted": {
			start: func(t *testing.T) *world { return newWorld(t, web().Replicas(0)) },
			want: map[string]string{
				"Ready": "True Complete: No Pods are wanted, and there are none.", "Reconciling": "", "Scaling": "",
				"Available": "True MinimumReplicasAvailable: Pods available: 0, wanted: 0, needed at least: 0.",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := test.outcome
			if outcome == nil {
				outcome = carriedAllOut
			}
			w := test.start(t)
			status, got := w.judged(outcome), map[string]string{}
			for kind := range test.want {
				got[kind] = w.said(status, kind)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

// A refusal is reported until what was refused succeeds, also in rounds that did not come to try it.
func TestRefusalsAreReportedUntilTheyAreOver(t *testing.T) {
	refused := func(kind, reason string) []metav1.Condition {
		return []metav1.Condition{{Type: kind, Status: metav1.ConditionTrue, Reason: reason, Message: "said before"}}
	}
	created := func(plan *Plan) *Outcome { return &Outcome{Created: plan.Create[:1]} }
	nothing := func(*Plan) *Outcome { return &Outcome{} }
	missing := func(t *testing.T) *world { return newWorld(t, build.MakeStatefulSet("web").Parallel()) }
	complete := func(t *testing.T) *world { return settled(t, build.MakeStatefulSet("web")) }
	outdated := func(t *testing.T) *world { w := complete(t); w.image("app:2"); return w }
	for name, test := range map[string]struct {
		start   func(t *testing.T) *world
		before  []metav1.Condition
		outcome func(plan *Plan) *Outcome
		want    string
	}{
		"nothing was tried":                    {missing, refused("FailedCreatePod", "CreateRefused"), nothing, "True CreateRefused: said before"},
		"OpenKruise gives no reason":           {missing, refused("FailedCreatePod", ""), nothing, "True CreateRefused: said before"},
		"a Pod was made":                       {missing, refused("FailedCreatePod", "CreateRefused"), created, ""},
		"no Pod is missing":                    {complete, refused("FailedCreatePod", "CreateRefused"), carriedAllOut, ""},
		"no change was tried":                  {outdated, refused("FailedUpdatePod", "UpdateRefused"), nothing, "True UpdateRefused: said before"},
		"the change was made":                  {outdated, refused("FailedUpdatePod", "UpdateRefused"), carriedAllOut, ""},
		"there is nothing to change":           {complete, refused("FailedUpdatePod", "UpdateRefused"), carriedAllOut, ""},
		"what InPlaceOnly forbade was changed": {outdated, refused("FailedUpdatePod", "NotUpgradable"), nothing, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.start(t)
			set := w.set("web").DeepCopy()
			set.Status.Conditions = append(set.Status.Conditions, test.before...)
			w.Put(set)
			if got := w.said(w.judged(test.outcome), test.before[0].Type); got != test.want {
				t.Errorf("%s: %q, want %q", test.before[0].Type, got, test.want)
			}
		})
	}
}

func TestWhatIsSaidOfPodsThatDoNotServe(t *testing.T) {
	web := func() *build.StatefulSetBuilder { return build.MakeStatefulSet("web") }
	change := func(names ...string) func(func(pod *corev1.Pod)) func(w *world) {
		return func(edit func(pod *corev1.Pod)) func(w *world) {
			return func(w *world) {
				for _, name := range names {
					w.changePod(name, edit)
				}
			}
		}
	}
	crash := func(pod *corev1.Pod) {
		status := &pod.Status.ContainerStatuses[0]
		status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 3}
		status.RestartCount, status.Ready = 4, false
		build.SetReady(pod, false, build.Epoch)
	}
	for name, test := range map[string]struct {
		play func(w *world)
		want string
	}{
		"a crash": {change("web-1")(crash), "False PodsNotReady: Cannot run: web-1: container app exited with 3, 4 restarts (CrashLoopBackOff); " +
			"see kubectl logs -n default web-1 -c app --previous."},
		"two crashes": {change("web-1", "web-2")(crash), "False PodsNotReady: Cannot run: web-1: container app exited with 3, 4 restarts (CrashLoopBackOff); " +
			"see kubectl logs -n default web-1 -c app --previous; web-2: container app exited with 3, 4 restarts (CrashLoopBackOff); " +
			"see kubectl logs -n default web-2 -c app --previous."},
		"a Pod that finalizers hold": {func(w *world) {
			w.hold("example.com/hold", "web-2")
			w.deletePod("web-2")
		}, "False PodsNotReady: Waiting for Pods to go: web-2 (finalizers example.com/hold)."},
		"a Pod whose node does not stop it": {func(w *world) {
			w.Lost[key("web-2")] = true
			w.deletePod("web-2")
			w.Pass(time.Minute)
		}, "False PodsNotReady: Waiting for Pods to go: web-2 (node node-1 has not stopped it although its grace period is over)."},
		"a Pod that is going": {func(w *world) { w.deletePod("web-2") }, "False PodsNotReady: Waiting for Pods to go: web-2."},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, web())
			test.play(w)
			if diff := cmp.Diff(test.want, w.said(w.judged(carriedAllOut), v1beta1.ConditionReady)); diff != "" {
				t.Errorf("Ready (-want +got):\n%s", diff)
			}
		})
	}
}
