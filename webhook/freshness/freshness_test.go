// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/program"
)

func version(name, resourceVersion string) *v1beta1.SidecarSet {
	return &v1beta1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: resourceVersion}}
}

func TestWaitingForWhatTheAPIServerHas(t *testing.T) {
	note := func(name, version_ string) func(*Seen) { return func(s *Seen) { s.Note(version(name, version_)) } }
	for name, test := range map[string]struct {
		live        map[string]string
		early, late []func(*Seen)
		want        time.Duration // how long it takes
		err         string
	}{
		"there is none":                        {live: nil},
		"all is known":                         {live: map[string]string{"a": "7"}, early: []func(*Seen){note("a", "7")}},
		"more is known":                        {live: map[string]string{"a": "9"}, early: []func(*Seen){note("a", "10")}},
		"a new set comes late":                 {live: map[string]string{"a": "7"}, late: []func(*Seen){note("a", "7")}, want: time.Second},
		"a change comes late":                  {live: map[string]string{"a": "10"}, early: []func(*Seen){note("a", "9")}, late: []func(*Seen){note("a", "10")}, want: time.Second},
		"only one of two comes":                {live: map[string]string{"a": "7", "b": "8"}, late: []func(*Seen){note("a", "7")}, want: patience, err: "SidecarSet b has changed"},
		"it never comes":                       {live: map[string]string{"a": "7"}, want: patience, err: "this replica has not heard of it"},
		"it is deleted meanwhile":              {live: map[string]string{"a": "7"}, late: []func(*Seen){func(s *Seen) { s.NoteDeleted(version("a", "8")) }}, want: time.Second},
		"the deletion of the one before it":    {live: map[string]string{"a": "7"}, late: []func(*Seen){func(s *Seen) { s.NoteDeleted(version("a", "6")) }}, want: patience, err: "SidecarSet a has changed"},
		"created again after it was deleted":   {live: map[string]string{"a": "9"}, early: []func(*Seen){note("a", "5"), func(s *Seen) { s.NoteDeleted(version("a", "8")) }, note("a", "9")}},
		"versions that cannot be compared":     {live: map[string]string{"a": "x"}, early: []func(*Seen){note("a", "y")}, want: patience, err: "SidecarSet a has changed"},
		"versions that are equal are compared": {live: map[string]string{"a": "x"}, early: []func(*Seen){note("a", "x")}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := NewSeen()
				c := New(seen, nil)
				c.live.ask = func(context.Context) (map[string]string, error) { return test.live, nil }
				for _, happen := range test.early {
					happen(seen)
				}
				began := time.Now()
				time.AfterFunc(time.Second, func() {
					for _, happen := range test.late {
						happen(seen)
					}
				})
				err := c.Wait(t.Context())
				if took := time.Since(began); took != test.want {
					t.Errorf("it took %s, want %s", took, test.want)
				}
				if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %q in it", err, test.err)
				}
				time.Sleep(2 * patience) // let the late ones happen inside the bubble
			})
		})
	}
}

func TestDeletedSetsAreNotRememberedForever(t *testing.T) {
	seen := NewSeen()
	for i := range 10 * mostDeleted {
		seen.NoteDeleted(version(strings.Repeat("x", 1+i%5)+time.Duration(i).String(), "7"))
	}
	if n := len(seen.deleted); n > mostDeleted {
		t.Errorf("%d deleted sets are remembered, want %d at most", n, mostDeleted)
	}
}

func TestVersionsAndLabelsAreThoseOfTheAPIServer(t *testing.T) {
	set := &v1beta1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "a"}}}
	server := fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(set, namespace).Build()
	seen := NewSeen()
	c := New(seen, server)
	if err := server.Get(t.Context(), client.ObjectKeyFromObject(set), set); err != nil {
		t.Fatal(err)
	}
	seen.Note(set)
	if err := c.Wait(t.Context()); err != nil {
		t.Errorf("what was seen is not what the API server has: %v", err)
	}
	if labels, err := c.Labels(t.Context(), "shop"); err != nil || labels["team"] != "a" {
		t.Errorf("labels %v, error %v", labels, err)
	}
	if _, err := c.Labels(t.Context(), "nowhere"); err == nil {
		t.Error("a Namespace that does not exist has labels")
	}
}

func TestNoNamespaceIsRememberedOnceNobodyWaitsForIt(t *testing.T) {
	c := New(NewSeen(), fake.NewClientBuilder().WithScheme(program.Scheme()).Build())
	for i := range 100 {
		if _, err := c.Labels(t.Context(), strings.Repeat("x", 1000+i)); err == nil {
			t.Error("a Namespace that does not exist has labels")
		}
	}
	if n := len(c.namespaces.byName); n > 0 {
		t.Errorf("%d names that somebody has made up are remembered", n)
	}
}
