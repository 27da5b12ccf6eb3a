// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

func said(recorder *events.FakeRecorder) (out []string) {
	close(recorder.Events)
	for event := range recorder.Events {
		out = append(out, event)
	}
	return out
}

func TestWarningsAreSaidOnceAMinute(t *testing.T) {
	fake, now := events.NewFakeRecorder(100), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	recorder, web := NewRecorder(fake), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	ofTopic := func(note string) Event {
		e := Warning("Refused", "Update", note)
		e.Topic = "Refused"
		return e
	}
	recorder.Record(web, now, Warning("Failed", "Create", "100% no"), Warning("Failed", "Create", "100% no"))
	recorder.Record(web, now, Warning("Failed", "Create", "not yet"), ofTopic("Pod a"), ofTopic("Pod b"))
	recorder.Record(web, now, Normal("Created", "Create", "Pod a"), Normal("Created", "Create", "Pod a"))
	recorder.Record(web, now.Add(time.Minute), Warning("Failed", "Create", "100% no"), ofTopic("Pod c"))
	want := []string{
		"Warning Failed 100% no", "Warning Failed not yet", "Warning Refused Pod a",
		"Normal Created Pod a", "Normal Created Pod a", "Warning Failed 100% no", "Warning Refused Pod c",
	}
	if diff := cmp.Diff(want, said(fake)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestNotesOfEventsAreAsLongAsTheAPIServerAllows(t *testing.T) {
	fake := events.NewFakeRecorder(100)
	recorder, web := NewRecorder(fake), &corev1.Pod{}
	long := strings.Repeat("é", 600)
	recorder.Record(web, time.Time{}, Normal("Created", "Create", long))
	done := []metav1.Condition{{Type: v1beta1.ConditionReady, Message: long}}
	before, after := Standing{Target: "a-2", Completed: "a-1"}, Standing{Target: "a-2", Completed: "a-2", Conditions: done}
	recorder.Record(web, time.Time{}, Transition(before, after)...)
	got := said(fake)
	if len(got) != 2 {
		t.Errorf("events: %q", got)
	}
	for _, event := range got {
		if _, note, _ := strings.Cut(strings.TrimPrefix(event, "Normal "), " "); len(note) > 1024 || len(note) < 1020 {
			t.Errorf("a note of %d bytes", len(note))
		}
	}
}

func TestOnlyNewsIsSaid(t *testing.T) {
	latest, web := NewLatest(), types.NamespacedName{Name: "web"}
	for i, test := range []struct {
		text, before string
		want         bool
	}{
		{"StormActive", "StormActive", false}, // told before the restart
		{"Budget", "StormActive", true},
		{"Budget", "StormActive", false},
		{"", "", true},
		{"Budget", "", true},
	} {
		if got := latest.News(web, test.text, test.before); got != test.want {
			t.Errorf("text %d, %q, is news: %t, want %t", i, test.text, got, test.want)
		}
	}
	latest.Forget(web)
	if latest.News(web, "Budget", "Budget") {
		t.Error("a set that was forgotten is taken for one that is known")
	}
}
