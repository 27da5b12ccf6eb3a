// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/windlass-operator/windlass/program"
)

func TestWhatIsWatchedIsWhatOneMay(t *testing.T) {
	type decided struct {
		Covers             string
		Watched, Unwatched bool
		// Cached are the namespaces that the cache answers for, of "", shop and other.
		Cached []string
	}
	for name, test := range map[string]struct {
		may, namespace string
		want           decided
	}{
		"everything":                     {"list watch", "shop", decided{Watched: true, Cached: []string{"", "shop", "other"}}},
		"the namespace of the context":   {"list/shop watch/shop", "shop", decided{Covers: "shop", Watched: true, Cached: []string{"shop"}}},
		"to list and not to watch":       {"list", "shop", decided{Unwatched: true}},
		"to list there, not to watch":    {"list/shop", "shop", decided{Covers: "shop", Unwatched: true}},
		"another namespace":              {"list/other watch/other", "shop", decided{}},
		"nothing":                        {"", "shop", decided{}},
		"to watch and not to list":       {"watch", "shop", decided{}},
		"to list everywhere, watch here": {"list watch/shop", "shop", decided{Unwatched: true}},
	} {
		t.Run(name, func(t *testing.T) {
			rights := strings.Fields(test.may)
			k := &kind{object: &corev1.Pod{}, plural: "pods", namespaced: true}
			k.decide(func(verb, namespace string) bool {
				for _, right := range rights {
					if right == verb || right == verb+"/"+namespace {
						return true
					}
				}
				return false
			}, test.namespace)
			got := decided{Covers: k.covers, Watched: k.watched, Unwatched: k.unwatched}
			for _, namespace := range []string{"", "shop", "other"} {
				if k.cached(namespace) {
					got.Cached = append(got.Cached, namespace)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhereKindsAreRead(t *testing.T) {
	pods, history := &kind{plural: "pods", covers: "shop"}, &kind{plural: revisions, covers: "shop"}
	got := []string{pods.at(""), pods.at("other"), history.at(""), history.at("shop")}
	if diff := cmp.Diff([]string{"shop", "other", "", "shop"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNotices(t *testing.T) {
	done, not := func() bool { return true }, func() bool { return false }
	w := &Watched{changed: make(chan struct{}), overlay: &overlay{kinds: []*kind{
		{plural: "statefulsets", group: "apps.kruise.io", covers: "shop", watched: true, synced: done},
		{plural: "pods", covers: "shop", unwatched: true}, {plural: "nodes", rare: true, unwatched: true},
		{plural: "namespaces", watched: true, synced: not},
	}}}
	want := []string{
		"in namespace shop alone you may list statefulsets.apps.kruise.io, pods, and those of others are not shown",
		"you may list, and not watch, pods: what is shown of them is up to 10s old",
		"being read: namespaces",
	}
	if diff := cmp.Diff(want, w.Notices()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	changed := w.Changed()
	w.say(errors.New("connection refused"))
	<-changed
	want = []string{"the API server does not answer, and what is shown is what was known before: connection refused"}
	if diff := cmp.Diff(want, w.Notices()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	changed = w.Changed()
	w.say(apierrors.NewForbidden(schema.GroupResource{}, "", nil)) // which is an answer
	<-changed
	if got := w.Notices(); len(got) != 3 {
		t.Errorf("%q", got)
	}
}

// Pages are made several times per second; the API server is not asked as often.
func TestAnswersAreRemembered(t *testing.T) {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = "shop", "web-0"
	o := &overlay{live: fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(pod).Build()}
	asked, refused := 0, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web-1", nil)
	for range 3 {
		into := &corev1.Pod{}
		err := o.memory.recall("web-0", into, func() error { asked++; return o.live.Get(t.Context(), keyOf(pod), into) })
		if err != nil || into.Name != "web-0" {
			t.Fatalf("%v %q", err, into.Name)
		}
		if err := o.memory.recall("web-1", into, func() error { asked++; return refused }); !apierrors.IsForbidden(err) {
			t.Fatal(err)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	for range 2 {
		_ = o.memory.recall("broken", &corev1.Pod{}, func() error { asked++; return errors.New("connection refused") })
	}
	if asked != 4 {
		t.Error("that nobody answered was remembered")
	}
}
