// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// recorded is a history of what a watch showed.
func recorded(events ...watch.Event) []PodChange {
	h := &PodHistory{pods: map[string]*corev1.Pod{}}
	for _, e := range events {
		h.note(e.Type, e.Object.(*corev1.Pod))
	}
	return h.Changes()
}

type podEdit func(*corev1.Pod)

func event(kind watch.EventType, name string, edits ...podEdit) watch.Event {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: name, UID: types.UID(name), Labels: map[string]string{appsv1.ControllerRevisionHashLabelKey: "one"},
	}}
	for _, edit := range edits {
		edit(pod)
	}
	return watch.Event{Type: kind, Object: pod}
}

func condition(kind corev1.PodConditionType, status corev1.ConditionStatus) podEdit {
	return func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: kind, Status: status})
	}
}

func served(p *corev1.Pod) { condition(corev1.PodReady, corev1.ConditionTrue)(p) }
func anew(p *corev1.Pod)   { p.UID += "-2" }
func going(p *corev1.Pod)  { p.DeletionTimestamp = &metav1.Time{} }
func revised(p *corev1.Pod) {
	p.Labels = map[string]string{appsv1.ControllerRevisionHashLabelKey: "two"}
}
func bound(p *corev1.Pod)     { p.Spec.NodeName = "node1" }
func withImage(p *corev1.Pod) { p.Spec.Containers = []corev1.Container{{Image: "app:2"}} }
func unserved(p *corev1.Pod)  { condition(corev1.PodReady, corev1.ConditionFalse)(p) }
func takenOut(p *corev1.Pod) {
	condition(v1beta1.InPlaceUpdateReadyCondition, corev1.ConditionFalse)(p)
}
func phaseFailed(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }

func TestMostDown(t *testing.T) {
	up := []watch.Event{event(watch.Added, "a", served), event(watch.Added, "b", served)}
	tests := map[string]struct {
		events []watch.Event
		want   int
	}{
		"Pods that start do not count":              {events: []watch.Event{event(watch.Added, "a"), event(watch.Added, "b")}, want: 0},
		"Pods that take turns count once":           {events: append(up, event(watch.Modified, "a", unserved), event(watch.Modified, "a", served), event(watch.Modified, "b")), want: 1},
		"Pods that are down together count":         {events: append(up, event(watch.Modified, "a"), event(watch.Modified, "b")), want: 2},
		"a Pod that is gone is down":                {events: append(up, event(watch.Deleted, "a"), event(watch.Modified, "b")), want: 2},
		"a Pod that follows of the name takes over": {events: append(up, event(watch.Deleted, "a"), event(watch.Added, "a", anew, served), event(watch.Modified, "b")), want: 1},
		"others do not count":                       {events: append(up, event(watch.Added, "c")), want: 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, MostDown(recorded(test.events...), "a", "b")); diff != "" {
				t.Errorf("most down at once (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUpdates(t *testing.T) {
	changes := recorded(
		event(watch.Added, "a"), event(watch.Added, "b"),
		event(watch.Modified, "a", revised), event(watch.Modified, "a", revised, served),
		event(watch.Modified, "b", going), event(watch.Modified, "b", going, phaseFailed), event(watch.Deleted, "b", going),
		event(watch.Added, "b", anew, revised),
	)
	var got []string
	for _, update := range Updates(changes) {
		got = append(got, update.Name())
	}
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Errorf("Pods in the order of their updates (-want +got):\n%s", diff)
	}
}

func TestOperatorWrites(t *testing.T) {
	tests := map[string]struct {
		events []watch.Event
		want   []string
	}{
		"what the scheduler and the kubelet write is not ours": {
			events: []watch.Event{event(watch.Added, "a"), event(watch.Modified, "a", bound), event(watch.Modified, "a", bound, served)},
		},
		"a change in place is": {
			events: []watch.Event{
				event(watch.Added, "a", bound), event(watch.Modified, "a", bound, takenOut), event(watch.Modified, "a", bound, takenOut, revised, withImage),
			},
			want: []string{"InPlaceUpdateReady=False", "labels, spec"},
		},
		"a new Pod of the name is no write to the old one": {
			events: []watch.Event{event(watch.Added, "a"), event(watch.Deleted, "a"), event(watch.Added, "a", anew, revised)},
		},
		"other Pods do not count": {events: []watch.Event{event(watch.Added, "b"), event(watch.Modified, "b", revised)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, OperatorWrites(recorded(test.events...), "a")); diff != "" {
				t.Errorf("writes to Pod a (-want +got):\n%s", diff)
			}
		})
	}
}
