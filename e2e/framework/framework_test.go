// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

func TestImageValues(t *testing.T) {
	image := func(repository, tag, digest string) map[string]any {
		return map[string]any{"image": map[string]any{"registry": "", "repository": repository, "tag": tag, "digest": digest}}
	}
	tests := map[string]struct {
		reference string
		want      map[string]any
	}{
		"no reference leaves the chart its own image":   {reference: "", want: nil},
		"a tag follows the last colon":                  {reference: "ghcr.io/a/b:v1", want: image("ghcr.io/a/b", "v1", "")},
		"the port of a registry is no tag":              {reference: "localhost:5000/a/b", want: image("localhost:5000/a/b", "", "")},
		"a port and a tag can be told apart":            {reference: "localhost:5000/a/b:v1", want: image("localhost:5000/a/b", "v1", "")},
		"a digest is passed on, with the tag beside it": {reference: "ghcr.io/a/b:v1@sha256:0a", want: image("ghcr.io/a/b", "v1", "sha256:0a")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, imageValues(test.reference)); diff != "" {
				t.Errorf("values of %q (-want +got):\n%s", test.reference, diff)
			}
		})
	}
}

func TestPercentile(t *testing.T) {
	of := func(seconds ...int) []Creation {
		var out []Creation
		for _, s := range seconds {
			out = append(out, Creation{Took: time.Duration(s) * time.Second})
		}
		return out
	}
	tests := map[string]struct {
		creations               []Creation
		wantMedian, wantSlowest time.Duration
	}{
		"none take no time":                    {creations: nil},
		"one is median and slowest":            {creations: of(3), wantMedian: 3 * time.Second, wantSlowest: 3 * time.Second},
		"the order does not matter":            {creations: of(5, 1, 3), wantMedian: 3 * time.Second, wantSlowest: 5 * time.Second},
		"of four, two take the median or less": {creations: of(4, 3, 2, 1), wantMedian: 2 * time.Second, wantSlowest: 4 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.wantMedian, Median(test.creations)); diff != "" {
				t.Errorf("median (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.wantSlowest, Slowest(test.creations)); diff != "" {
				t.Errorf("slowest (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnreadyRecorderNote(t *testing.T) {
	pod := func(name string, ready corev1.ConditionStatus) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)},
			Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
		}
	}
	const yes, no = corev1.ConditionTrue, corev1.ConditionFalse
	type change struct {
		event watch.EventType
		pod   *corev1.Pod
	}
	tests := map[string]struct {
		changes []change
		want    int
	}{
		"ready Pods do not count": {changes: []change{{watch.Added, pod("a", yes)}, {watch.Modified, pod("a", yes)}}, want: 0},
		"Pods that take turns count once": {
			changes: []change{{watch.Modified, pod("a", no)}, {watch.Modified, pod("a", yes)}, {watch.Modified, pod("b", no)}},
			want:    1,
		},
		"Pods that are unready together count together": {
			changes: []change{{watch.Modified, pod("a", no)}, {watch.Modified, pod("b", no)}, {watch.Modified, pod("a", yes)}},
			want:    2,
		},
		"more news of the same Pod changes nothing": {changes: []change{{watch.Modified, pod("a", no)}, {watch.Modified, pod("a", no)}}, want: 1},
		"a Pod that is gone is not unready": {
			changes: []change{{watch.Modified, pod("a", no)}, {watch.Deleted, pod("a", no)}, {watch.Modified, pod("b", no)}},
			want:    1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &UnreadyRecorder{unready: map[types.UID]string{}}
			for _, c := range test.changes {
				r.note(c.event, c.pod)
			}
			if diff := cmp.Diff(test.want, r.most); diff != "" {
				t.Errorf("most unready at once (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUntil(t *testing.T) {
	t.Run("ends with the first success", func(t *testing.T) {
		calls := 0
		err := Until(context.Background(), time.Minute, "the third call", func(context.Context) error {
			calls++
			if calls < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		if err != nil || calls != 3 {
			t.Errorf("error %v after %d calls, want none after 3", err, calls)
		}
	})
	t.Run("tells what the last call said, not that time ran out", func(t *testing.T) {
		notYet := errors.New("not yet")
		ctx, cancel := context.WithCancel(context.Background())
		err := Until(ctx, time.Minute, "nothing", func(ctx context.Context) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			cancel()
			return notYet
		})
		if !errors.Is(err, notYet) {
			t.Errorf("error is %v, want %v in it", err, notYet)
		}
	})
}

func TestTakesPods(t *testing.T) {
	tests := map[string]struct {
		spec corev1.NodeSpec
		want bool
	}{
		"a plain node does":                       {want: true},
		"a cordoned node does not":                {spec: corev1.NodeSpec{Unschedulable: true}},
		"a node that repels Pods does not":        {spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "k", Effect: corev1.TaintEffectNoSchedule}}}},
		"a node that would rather not still does": {spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "k", Effect: corev1.TaintEffectPreferNoSchedule}}}, want: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, takesPods(&corev1.Node{Spec: test.spec})); diff != "" {
				t.Errorf("takes Pods (-want +got):\n%s", diff)
			}
		})
	}
}
