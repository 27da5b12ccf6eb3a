// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/report"
)

// told are the events of a round as "Type Reason note".
func (w *world) told(outcome func(plan *Plan) *Outcome) (out []string) {
	w.T.Helper()
	w.cache.Sync()
	s := w.snapshot()
	plan, err := makePlan(s)
	if err != nil {
		w.T.Fatal(err)
	}
	for _, e := range roundEvents(s, plan, outcome(plan)) {
		out = append(out, e.Kind+" "+e.Reason+" "+e.Note)
	}
	return out
}

func TestEvents(t *testing.T) {
	web := func() *build.StatefulSetBuilder { return build.MakeStatefulSet("web") }
	env := func(w *world) {
		w.edit("env", func(spec *v1beta1.StatefulSetSpec) {
			spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
		})
	}
	for name, test := range map[string]struct {
		start   func(t *testing.T) *world
		outcome func(plan *Plan) *Outcome
		want    []string
	}{
		"Pods are created": {
			start: func(t *testing.T) *world { return newWorld(t, web().Parallel().Replicas(12)) },
			want:  []string{"Normal SuccessfulCreate Created 12 Pods, Pod web-0 the first"},
		},
		"one Pod is created": {
			start: func(t *testing.T) *world { return newWorld(t, web()) },
			want:  []string{"Normal SuccessfulCreate Created Pod web-0"},
		},
		"Pods are deleted": {
			start: func(t *testing.T) *world { w := settled(t, web().Parallel()); w.replicas(1); return w },
			want:  []string{"Normal SuccessfulDelete Deleted 2 Pods, Pod web-2 the first: with replicas: 1 there is to be no ordinal 2"},
		},
		"a Pod is updated in place": {
			start: func(t *testing.T) *world { w := settled(t, web().InPlace()); w.image("app:2"); return w },
			want:  []string{"Normal SuccessfulUpdatePodInPlace Updated Pod web-2 in place: its turn has come"},
		},
		"a Pod is recreated though it should change in place": {
			start: func(t *testing.T) *world { w := settled(t, web().InPlace()); env(w); return w },
			want: []string{
				"Normal SuccessfulDelete Deleted Pod web-2: its turn has come; this cannot change in a running Pod: spec.template.spec.containers[app].env",
				"Normal NotUpgradablePods Pods are made anew, since this cannot change in a running Pod: spec.template.spec.containers[app].env",
			},
		},
		"InPlaceOnly forbids it": {
			start: func(t *testing.T) *world {
				w := settled(t, web().Policy(v1beta1.InPlaceOnlyPodUpdatePolicy))
				env(w)
				return w
			},
			want: []string{"Warning FailedUpdatePodInPlace podUpdatePolicy InPlaceOnly forbids to update 3 Pods, Pod web-2 the first: this cannot change in a running Pod: spec.template.spec.containers[app].env"},
		},
		"claims grow": {
			start: func(t *testing.T) *world {
				w := settled(t, web().Replicas(1).Claim("data", "1Gi").GrowClaims())
				w.growClaims("2Gi")
				return w
			},
			want: []string{"Normal SuccessfulResize Asked for more storage for claim data-web-0: it is to grow from 1Gi to 2Gi"},
		},
		"claims cannot grow": {
			start: func(t *testing.T) *world {
				w := settled(t, web().Replicas(1).Claim("data", "1Gi").GrowClaims())
				w.changeClaim("data-web-0", func(claim *corev1.PersistentVolumeClaim) { claim.Spec.StorageClassName = nil })
				w.growClaims("2Gi")
				return w
			},
			want: []string{"Warning FailedUpdatePVC Claims that cannot grow: 1, the first: claim data-web-0 stays at 1Gi instead of 2Gi: it has no StorageClass"},
		},
		"Pods are adopted": {
			start: leftByAppsV1,
			want:  []string{"Normal Adopted Adopted 3 Pods, Pod web-0 the first"},
		},
		"a Pod is released": {
			start: func(t *testing.T) *world {
				w := settled(t, web().Replicas(1))
				w.changePod("web-0", func(pod *corev1.Pod) { pod.Labels["app"] = "other" })
				return w
			},
			want: []string{"Normal Released Released Pod web-0: name or labels are no longer those of the set"},
		},
		"the API server refuses everything": {
			start: func(t *testing.T) *world { return settled(t, web()) },
			outcome: func(*Plan) *Outcome {
				return &Outcome{
					CreateErrors: []error{errors.New("create Pod web-0: quota"), errors.New("create Pod web-1: quota")}, DeleteErrors: []error{errors.New("a")},
					ClaimErrors: []error{errors.New("b")}, InPlaceErrors: []error{errors.New("c")}, UpdateErrors: []error{errors.New("d")},
				}
			},
			want: []string{
				"Warning FailedCreate The API server refused 2 writes, the first: create Pod web-0: quota.",
				"Warning FailedDelete The API server refused this: a.",
				"Warning FailedUpdatePVC The API server refused this: b.",
				"Warning FailedUpdatePodInPlace The API server refused this: c.",
				"Warning FailedUpdate The API server refused this: d.",
			},
		},
		"nothing happens": {start: func(t *testing.T) *world { return settled(t, web()) }},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := test.outcome
			if outcome == nil {
				outcome = carriedAllOut
			}
			if diff := cmp.Diff(test.want, test.start(t).told(outcome)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheSameWarningIsNotSaidTwiceAMinute(t *testing.T) {
	w := settled(t, build.MakeStatefulSet("web"))
	recorder := events.NewFakeRecorder(100)
	r := report.NewRecorder(recorder)
	refused := func(words string) {
		s := w.snapshot()
		r.Record(s.Set, s.Now, roundEvents(s, w.plan(), &Outcome{DeleteErrors: []error{errors.New(words)}})...)
	}
	refused("100% no")
	refused("100% no")
	w.Pass(59 * time.Second)
	refused("100% no")
	refused("not yet")
	w.Pass(time.Second)
	refused("100% no")
	close(recorder.Events)
	var got []string
	for event := range recorder.Events {
		got = append(got, strings.TrimPrefix(event, "Warning FailedDelete The API server refused this: "))
	}
	if diff := cmp.Diff([]string{"100% no.", "not yet.", "100% no."}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
