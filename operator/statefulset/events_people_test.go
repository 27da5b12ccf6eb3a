// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/report"
)

// story goes on until nothing happens any more, and writes down what people are told of it.
func (w *world) story(told *strings.Builder, headline string) {
	w.T.Helper()
	told.WriteString("# " + headline + "\n")
	for range 100 {
		before := w.set("web").Status
		wrote, due := w.pass()
		after := w.set("web").Status
		for _, e := range report.Transition(standingIn(&before), standingIn(&after)) {
			told.WriteString(w.short(e.Kind+" "+e.Reason+": "+e.Note) + "\n")
		}
		switch {
		case w.nodes() || wrote:
		case due == 0:
			return
		default:
			w.Pass(due)
		}
	}
	w.T.Fatalf("does not come to rest:\n%s", w.tail())
}

func TestWhatPeopleAreToldOfRollouts(t *testing.T) {
	var told strings.Builder
	w := newWorld(t, build.MakeStatefulSet("web").InPlace())
	paused := func(paused bool) func(rolling *v1beta1.RollingUpdateStatefulSetStrategy) {
		return func(rolling *v1beta1.RollingUpdateStatefulSetStrategy) { rolling.Paused = paused }
	}
	w.story(&told, "a new set")
	w.image("app:2")
	w.story(&told, "another image")
	w.rolling("pause", paused(true))
	w.story(&told, "it is paused")
	w.image("app:3")
	w.story(&told, "another image while it is paused")
	w.rolling("resume", paused(false))
	w.story(&told, "it is let go on")
	w.image("app:bad")
	w.story(&told, "an image that does not run")
	w.Pass(10*time.Minute + time.Second)
	w.story(&told, "and the deadline passes")
	w.image("app:4")
	w.story(&told, "another image mends it")
	compareGolden(t, filepath.Join("testdata", "events.golden.txt"), told.String())
}
