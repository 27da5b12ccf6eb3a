// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// heard is an event recorder that notes of what kind of object, about what and in which words an event is.
type heard []string

func (h *heard) Eventf(about, _ runtime.Object, kind, reason, _, note string, args ...any) {
	what := "set"
	switch about.(type) {
	case *corev1.Pod:
		what = "Pod"
	case *corev1.Node:
		what = "Node"
	}
	first, _, _ := strings.Cut(fmt.Sprintf(note, args...), ": ")
	*h = append(*h, fmt.Sprintf("%s %s on the %s: %s", kind, reason, what, first))
}

// take returns what was heard since it was called last.
func (h *heard) take() []string {
	out := *h
	*h = nil
	return out
}

func TestWhyAPodIsNotReplacedIsSaidOnce(t *testing.T) {
	var h heard
	r := newRecorder(&h)
	now := time.Duration(0)
	look := func(nodes ...string) []string {
		sc := newScene(nodes...).running("n2").failing("n1", long)
		sc.snapshot.Now = sc.snapshot.Now.Add(now)
		plan := decide(sc.snapshot)
		r.held(sc.snapshot, plan, makeResult(sc.snapshot, plan, "", false))
		return h.take()
	}
	said := []string{
		"Warning TooFewNodes on the set: Pod web-1 cannot start on node n1 since 2026-01-02T02:57:25Z",
		"Warning TooFewNodes on the Pod: Pod web-1 cannot start on node n1 since 2026-01-02T02:57:25Z",
	}
	for _, each := range []struct {
		what  string
		after time.Duration
		nodes []string
		want  []string
	}{
		{"it is kept", 0, []string{"n1"}, said},
		{"it is kept still", time.Hour, []string{"n1"}, nil},
		{"it is about to be replaced", time.Second, []string{"n1", "n2"}, nil},
		{"it is kept again", time.Second, []string{"n1"}, said},
		{"it is about to be replaced, for a moment", time.Second, []string{"n1", "n2"}, nil},
		{"it is kept again within the minute", time.Second, []string{"n1"}, nil},
	} {
		now += each.after
		got := look(each.nodes...)
		if diff := cmp.Diff(each.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", each.what, diff)
		}
	}
	r.forget(client.ObjectKeyFromObject(newScene().snapshot.Set))
	if diff := cmp.Diff(said, look("n1")); diff != "" {
		t.Errorf("after the set was forgotten (-want +got):\n%s", diff)
	}
}

// The status says what was said before a restart.
func TestARestartSaysNothingTwice(t *testing.T) {
	var h heard
	sc := newScene("n1").running("n2").failing("n1", long)
	sc.snapshot.Set.Status.Conditions = []metav1.Condition{{
		Type: v1beta1.ConditionRemediating, Status: metav1.ConditionFalse, Reason: v1beta1.ReasonTooFewNodes,
	}}
	plan := decide(sc.snapshot)
	newRecorder(&h).held(sc.snapshot, plan, makeResult(sc.snapshot, plan, "", false))
	if len(h) > 0 {
		t.Errorf("said: %q", h)
	}
}

func TestWhatWasDoneIsSaidOnAllThatItConcerns(t *testing.T) {
	exclusions := Record{[]Exclusion{exclusion("n1", 0, time.Hour)}, []Attempt{attempt(1, 1, 0, "web-1-uid", "n1")}}
	for name, test := range map[string]struct {
		scene *scene
		want  []string
	}{
		"a node is excluded": {newScene("n1", "n2").running("n2").failing("n1", long), []string{
			"Warning NodeExcluded on the set: Node n1 is excluded for StatefulSet default/web until 2026-01-02T04:04:05Z",
			"Warning NodeExcluded on the Node: Node n1 is excluded for StatefulSet default/web until 2026-01-02T04:04:05Z",
		}},
		"a Pod is deleted": {newScene("n1", "n2").running("n2").failing("n1", long).recorded(exclusions).served(), []string{
			"Normal StuckPodDeleted on the Pod: Deleted",
			"Normal StuckPodDeleted on the set: Deleted Pod web-1",
		}},
		"the excluded node is gone": {newScene("n2").running("n2").recorded(exclusions), []string{
			"Normal ExclusionLifted on the set: Pods of StatefulSet default/web may come to node n1 again",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var h heard
			s := test.scene.snapshot
			newRecorder(&h).done(s, decide(s))
			if diff := cmp.Diff(test.want, h.take()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
