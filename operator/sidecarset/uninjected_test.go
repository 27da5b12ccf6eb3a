// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// omittedRecord is what the webhook writes into a Pod that it left set s out of.
func omittedRecord(reason, revision string) string {
	return fmt.Sprintf(`{"s":{"reason":%q,"message":"the words","revision":%q}}`, reason, revision)
}

func TestWhyUninjected(t *testing.T) {
	set := func() *build.SidecarSetBuilder { return build.MakeSidecarSet("s").Container("agent", "agent:1") }
	paused := func(s *v1beta1.SidecarSetSpec) { s.InjectionStrategy.Paused = true }
	// The set is of Epoch. Pods are made a minute later, and watching began before.
	pod := func() *build.PodBuilder { return build.MakePod("p").Label("app", "web").Created(time.Minute) }
	seen := sidecar.Matching{Watched: build.Epoch}
	type why struct {
		Reason string
		Blocks bool // a Pod recreated would have no sidecars either
	}
	for name, test := range map[string]struct {
		set   *build.SidecarSetBuilder
		pod   *build.PodBuilder
		other *build.SidecarSetBuilder
		known sidecar.Matching
		want  why
	}{
		"opted out by annotation": {set: set(), pod: pod().Annotation(v1beta1.SidecarInjectionKey, "false"), want: why{v1beta1.ReasonOptedOut, true}},
		"opted out by label":      {set: set(), pod: pod().Label(v1beta1.SidecarInjectionKey, "false"), want: why{v1beta1.ReasonOptedOut, true}},
		"older than the set":      {set: set(), pod: pod().Created(-time.Second), want: why{v1beta1.ReasonCreatedBeforeSet, false}},
		"made in the same second as the set: nobody knows who was first": {
			set: set(), pod: pod().Created(0), want: why{v1beta1.ReasonCreatedBeforeSet, false},
		},
		"injected, but not this much": {
			set: set(), pod: pod().Annotation(v1beta1.SidecarSetInjectedListAnnotation, "s"), want: why{v1beta1.ReasonContainersMissing, false},
		},
		"injection is paused":                      {set: set().Spec(paused), pod: pod(), want: why{v1beta1.ReasonInjectionPaused, true}},
		"older than the set, and paused by now":    {set: set().Spec(paused), pod: pod().Created(-time.Second), want: why{v1beta1.ReasonCreatedBeforeSet, true}},
		"made during a pause that is over":         {set: set(), pod: pod().Annotation(v1beta1.SidecarSetOmittedAnnotation, omittedRecord("InjectionPaused", "s-1")), want: why{v1beta1.ReasonInjectionPaused, false}},
		"a container of the Pod has the name":      {set: set(), pod: pod().Container("agent", "own:1"), want: why{v1beta1.ReasonNameTaken, true}},
		"an init container of the Pod has it":      {set: set(), pod: pod().InitContainer("agent", "own:1"), want: why{v1beta1.ReasonNameTaken, true}},
		"the name was taken before it was changed": {set: set(), pod: pod().Annotation(v1beta1.SidecarSetOmittedAnnotation, omittedRecord("NameTaken", "s-0")), want: why{v1beta1.ReasonNameTaken, false}},
		"another set has the name": {
			set: set(), pod: pod(), other: build.MakeSidecarSet("a").Container("agent", "other:1"), want: why{v1beta1.ReasonSetConflict, true},
		},
		"the API server would refuse it": {
			set: set(), pod: pod().Annotation(v1beta1.SidecarSetOmittedAnnotation, omittedRecord("InvalidPod", "s-1")), want: why{v1beta1.ReasonInvalidPod, true},
		},
		"it would have refused the version before": {
			set: set(), pod: pod().Annotation(v1beta1.SidecarSetOmittedAnnotation, omittedRecord("InvalidPod", "s-0")), want: why{v1beta1.ReasonInvalidPod, false},
		},
		"a label came later":                       {set: set(), pod: pod(), known: sidecar.Matching{Watched: build.Epoch, Changed: build.Epoch.Add(time.Hour)}, want: why{v1beta1.ReasonMatchedLater, false}},
		"a label came in the same second":          {set: set(), pod: pod(), known: sidecar.Matching{Watched: build.Epoch, Changed: build.Epoch.Add(time.Minute)}, want: why{v1beta1.ReasonMatchedLater, false}},
		"the label was there before, none saw it":  {set: set(), pod: pod(), known: sidecar.Matching{Watched: build.Epoch, Changed: build.Epoch.Add(time.Second)}, want: why{v1beta1.ReasonWebhookMissed, false}},
		"made before anybody watched":              {set: set(), pod: pod(), known: sidecar.Matching{Watched: build.Epoch.Add(time.Hour)}, want: why{v1beta1.ReasonMissedOrMatchedLater, false}},
		"nothing else is left: the webhook is off": {set: set(), pod: pod(), known: seen, want: why{v1beta1.ReasonWebhookMissed, false}},
	} {
		t.Run(name, func(t *testing.T) {
			object := test.set.Obj()
			object.Status.LatestRevision = "s-1"
			compiled := compile(t, object)
			all := []*sidecar.Set{compiled}
			if test.other != nil {
				all = append(all, compile(t, test.other.Obj()))
			}
			if test.known.Watched.IsZero() {
				test.known = seen
			}
			got := whyUninjected(compiled, test.pod.Obj(), all, test.known)
			if diff := cmp.Diff(test.want, why{got.Reason, got.Obstacle != ""}); diff != "" {
				t.Errorf("why (-want +got):\n%s", diff)
			}
		})
	}
}

func compile(t *testing.T, object *v1beta1.SidecarSet) *sidecar.Set {
	t.Helper()
	set, err := sidecar.Compile(object)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// What is said to match later is what was seen to change, and only for those Pods and sets that the change is about.
func TestWhatIsRememberedOfChangedLabels(t *testing.T) {
	clock := clocktesting.NewFakeClock(build.Epoch)
	h := newHistory(clock)
	h.begin()
	clock.Step(time.Hour)
	h.begin()
	h.notePod("labelled")
	h.noteSelector("widened")
	h.noteNamespace("joined", sets.New("s"))
	h.noteNamespace("enabled", sets.New(""))
	watched, changed := build.Epoch, build.Epoch.Add(time.Hour)
	for name, test := range map[string]struct {
		set, namespace string
		pod            *corev1.Pod
		want           sidecar.Matching
	}{
		"nothing":                             {"s", "shop", build.MakePod("p").Obj(), sidecar.Matching{Watched: watched}},
		"the Pod's label":                     {"s", "shop", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "labelled"}}, sidecar.Matching{Watched: watched, Changed: changed}},
		"the set's selector":                  {"widened", "shop", build.MakePod("p").Obj(), sidecar.Matching{Watched: watched, Changed: changed}},
		"a label of its Namespace":            {"s", "joined", build.MakePod("p").Obj(), sidecar.Matching{Watched: watched, Changed: changed}},
		"one that is not about this set":      {"t", "joined", build.MakePod("p").Obj(), sidecar.Matching{Watched: watched}},
		"the label that is about all of them": {"t", "enabled", build.MakePod("p").Obj(), sidecar.Matching{Watched: watched, Changed: changed}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, h.of(test.set, test.pod.UID, test.namespace)); diff != "" {
				t.Errorf("known (-want +got):\n%s", diff)
			}
		})
	}
	h.forgetPod("labelled")
	h.forgetSet("widened")
	h.forgetSet("s")
	h.forgetNamespace("enabled")
	for _, got := range []sidecar.Matching{h.of("s", "labelled", "joined"), h.of("widened", "p", "enabled")} {
		if !got.Changed.IsZero() {
			t.Errorf("what is gone is remembered: %v", got)
		}
	}
}

func TestWhichChangesMakeASetSelectAPod(t *testing.T) {
	x := newSharedIndex()
	x.Put(compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}
	}).Obj()))
	web, other := build.MakePod("p").Label("app", "web"), build.MakePod("p").Label("app", "other")
	out := build.MakePod("p").Label("app", "web").Label(v1beta1.SidecarInjectionKey, "false")
	marked := build.MakePod("p").Label("app", "web").Label("zone", "b")
	for name, test := range map[string]struct {
		before, after *build.PodBuilder
		want          bool
	}{
		"a label that it lacked":     {other, web, true},
		"another label":              {web, marked, false},
		"a label that is taken away": {web, other, false},
		"it wants them now":          {out, web, true},
		"it wants none now":          {web, out, false},
		"nothing at all":             {web, web, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := x.newlySelected(test.before.Obj(), test.after.Obj()); got != test.want {
				t.Errorf("newlySelected = %t, want %t", got, test.want)
			}
		})
	}
	disabled, a := map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionDisabled}, map[string]string{"team": "a"}
	for name, test := range map[string]struct {
		before, after map[string]string
		want          sets.Set[string]
	}{
		"a label that the set selects":   {nil, a, sets.New("s")},
		"one that it does not select":    {nil, map[string]string{"team": "b"}, sets.New[string]()},
		"injection is switched on":       {disabled, nil, sets.New("")},
		"injection is switched off":      {nil, disabled, sets.New[string]()},
		"enforced is on already, for us": {map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced}, nil, sets.New[string]()},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, x.reachingSince("shop", test.before, test.after)); diff != "" {
				t.Errorf("sets (-want +got):\n%s", diff)
			}
		})
	}
}
