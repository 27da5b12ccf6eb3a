// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
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

// The API server drops an event whose note is longer than 1 KiB, and a policy may have more to say.
func TestNoEventIsTooLongForTheAPIServer(t *testing.T) {
	w := newRollout(t, 1, build.MakeSidecarSet("s")).image("agent:2")
	recorder := events.NewFakeRecorder(10)
	plan := w.plan()
	words := byPolicy(nil)
	for range 12 {
		words = wordy{words}
	}
	s := w.snapshot()
	refused := &Outcome{Refused: []Refused{{plan.Updates[0], writeUpdate, words}}}
	report.NewRecorder(recorder).Record(s.Set.Object, s.Now, roundEvents(s, plan, refused)...)
	const prefix = "Warning FailedUpdatePodInPlace "
	if got := <-recorder.Events; !strings.HasPrefix(got, prefix) || len(got) > len(prefix)+1024 {
		t.Errorf("an event of %d bytes: %.100s", len(got), got)
	}
}

// wordy says everything twice.
type wordy struct{ error }

func (w wordy) Error() string { return w.error.Error() + w.error.Error() }

// Whoever runs "kubectl describe" on the set sees which Pods it is not in, and what to do; in one event for all of them.
func TestTakenNamesAreTold(t *testing.T) {
	const clash = `its container "agent" has the name of a container of this Pod; rename one of the two`
	bare := func(name string, change func(*build.PodBuilder)) *corev1.Pod {
		pod := build.MakePod(name).Label("app", "web").Created(time.Second)
		change(pod)
		return pod.Obj()
	}
	clashing := func(p *build.PodBuilder) { p.Container("agent", "own:1") }
	freed := func(p *build.PodBuilder) {
		p.Annotation(v1beta1.SidecarSetOmittedAnnotation, omittedRecord("NameTaken", "s-0"))
	}
	for name, test := range map[string]struct {
		pods []*corev1.Pod
		want []string
	}{
		"nobody":                     {},
		"one Pod":                    {[]*corev1.Pod{bare("own-1", clashing)}, []string{"Warning NameTaken Not injected into Pod default/own-1: " + clash}},
		"several, the first by name": {[]*corev1.Pod{bare("own-2", clashing), bare("own-1", clashing), bare("own-3", clashing)}, []string{"Warning NameTaken Not injected into 3 Pods, Pod default/own-1 the first: " + clash}},
		"the name is free by now":    {[]*corev1.Pod{bare("own-1", freed)}, nil},
		"another reason":             {[]*corev1.Pod{bare("own-1", func(*build.PodBuilder) {})}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRollout(t, 1, build.MakeSidecarSet("s"))
			w.pods = append(w.pods, test.pods...)
			recorder := events.NewFakeRecorder(10)
			told := report.NewRecorder(recorder)
			for range 3 { // three looks in a minute
				s := w.snapshot()
				told.Record(s.Set.Object, s.Now, roundEvents(s, w.plan(), &Outcome{})...)
				w.now = w.now.Add(10 * time.Second)
			}
			close(recorder.Events)
			var got []string
			for e := range recorder.Events {
				got = append(got, e)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
