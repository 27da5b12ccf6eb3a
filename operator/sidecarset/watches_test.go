// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// happening is one thing that a watch tells of.
type happening func(handler.EventHandler, queue, *testing.T)

func created(object client.Object) happening {
	return func(h handler.EventHandler, q queue, t *testing.T) {
		h.Create(t.Context(), event.CreateEvent{Object: object}, q)
	}
}

func deleted(object client.Object) happening {
	return func(h handler.EventHandler, q queue, t *testing.T) {
		h.Delete(t.Context(), event.DeleteEvent{Object: object}, q)
	}
}

func changed(before, after client.Object) happening {
	return func(h handler.EventHandler, q queue, t *testing.T) {
		h.Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, q)
	}
}

// enqueued lists the sets that are looked at again, sorted.
func enqueued(t *testing.T, h handler.EventHandler, happens happening) []string {
	t.Helper()
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	happens(h, q, t)
	var out []string
	for q.Len() > 0 {
		request, _ := q.Get()
		out = append(out, request.Name)
	}
	slices.Sort(out)
	return out
}

func canaryOf(base string) *v1beta1.SidecarSet {
	canary := build.MakeSidecarSet("canary").Container("agent", "agent:2").Obj()
	canary.Annotations = map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: base}
	return canary
}

func TestWhichSetsAreLookedAtAgainWhenASetChanges(t *testing.T) {
	plain := build.MakeSidecarSet("canary").Container("agent", "agent:2").Obj()
	edited := canaryOf("base")
	edited.Generation++
	reported := canaryOf("base")
	reported.Status.MatchedPods = 3
	for name, test := range map[string]struct {
		happens happening
		want    []string
	}{
		"a canary comes: its base too":                    {created(canaryOf("base")), []string{"base", "canary"}},
		"a canary is edited: its base too":                {changed(canaryOf("base"), edited), []string{"base", "canary"}},
		"a canary is one no longer: its former base too":  {changed(canaryOf("base"), plain), []string{"base", "canary"}},
		"a canary turns to another set: both its bases":   {changed(canaryOf("base"), canaryOf("other")), []string{"base", "canary", "other"}},
		"a canary goes: all others":                       {deleted(canaryOf("base")), []string{"base", "canary", "other"}},
		"a set goes: all others, for it held Pods":        {deleted(plain), []string{"base", "canary", "other"}},
		"a set that is no canary comes: nobody else":      {created(plain), []string{"canary"}},
		"a status is written, which is our own: nobody":   {changed(canaryOf("base"), reported), nil},
		"a canary of a set that nobody knows: it is kept": {created(canaryOf("gone")), []string{"canary", "gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, enqueued(t, setHandler{knownSets(t), newHistory(clock.RealClock{})}, test.happens)); diff != "" {
				t.Errorf("enqueued (-want +got):\n%s", diff)
			}
		})
	}
}

// A status is written of every set, and what it was before is not kept beside what it is.
func TestTheFormerStateOfASetIsNotKept(t *testing.T) {
	index := knownSets(t)
	before := index.Get("other").Object
	after := before.DeepCopy()
	after.Status.MatchedPods = 3
	enqueued(t, setHandler{index, newHistory(clock.RealClock{})}, changed(before, after))
	if got := index.Get("other").Object; got != after {
		t.Errorf("the index has the set with %d matched Pods, want 3", got.Status.MatchedPods)
	}
}

// knownSets is an index of base, which is for team namespaces, and other.
func knownSets(t *testing.T) sharedIndex {
	t.Helper()
	index := newSharedIndex()
	index.put(t.Context(), build.MakeSidecarSet("base").Container("agent", "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}
	}).Obj())
	index.put(t.Context(), build.MakeSidecarSet("other").Container("logs", "logs:1").Obj())
	return index
}

func TestWhichSetsAreLookedAtAgainWhenANamespaceChanges(t *testing.T) {
	namespace := func(labels ...string) *corev1.Namespace {
		n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{}}}
		for i := 0; i < len(labels); i += 2 {
			n.Labels[labels[i]] = labels[i+1]
		}
		return n
	}
	for name, test := range map[string]struct {
		happens happening
		want    []string
	}{
		"it comes, after its first Pods maybe":    {created(namespace("team", "a")), []string{"base", "other"}},
		"one comes that base does not reach":      {created(namespace()), []string{"other"}},
		"it gets a label":                         {changed(namespace(), namespace("team", "a")), []string{"base"}},
		"it loses a label":                        {changed(namespace("team", "a"), namespace()), []string{"base"}},
		"injection is turned off":                 {changed(namespace(), namespace(v1beta1.InjectionLabel, "disabled")), []string{"base", "other"}},
		"nothing that matters here":               {changed(namespace("team", "a"), namespace("team", "a")), nil},
		"it goes, its Pods have gone before that": {deleted(namespace("team", "a")), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, enqueued(t, namespaceHandler{knownSets(t), newHistory(clock.RealClock{})}, test.happens)); diff != "" {
				t.Errorf("enqueued (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhichSetsAreLookedAtAgainWhenARevisionChanges(t *testing.T) {
	revision := func(set, version string) *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{
			Name: "r", ResourceVersion: version, Labels: map[string]string{v1beta1.SidecarSetNameLabel: set},
		}}
	}
	for name, test := range map[string]struct {
		happens happening
		want    []string
	}{
		"somebody deletes it":                 {deleted(revision("base", "1")), []string{"base"}},
		"somebody changes it":                 {changed(revision("base", "1"), revision("base", "2")), []string{"base"}},
		"somebody takes it from its set":      {changed(revision("base", "1"), revision("", "2")), []string{"base"}},
		"the cache is filled anew":            {changed(revision("base", "1"), revision("base", "1")), nil},
		"it is created, by us":                {created(revision("base", "1")), nil},
		"it is one of a set that is gone":     {deleted(revision("gone", "1")), nil},
		"it is one of a StatefulSet, say":     {deleted(revision("", "1")), nil},
		"it goes from one set to another one": {changed(revision("base", "1"), revision("other", "2")), []string{"base", "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, enqueued(t, revisionHandler{knownSets(t)}, test.happens)); diff != "" {
				t.Errorf("enqueued (-want +got):\n%s", diff)
			}
		})
	}
}
