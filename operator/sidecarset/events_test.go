// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"strings"
	"testing"

	"k8s.io/client-go/tools/events"

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
