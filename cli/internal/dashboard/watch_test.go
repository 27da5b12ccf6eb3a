// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/windlass-operator/windlass/api/v1beta1"
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
	for _, fine := range []error{
		nil, apierrors.NewForbidden(schema.GroupResource{}, "", nil), // which it was at the start
		apierrors.NewNotFound(schema.GroupResource{}, ""), &meta.NoKindMatchError{},
	} {
		w.say(errors.New("connection refused"))
		changed, w.forbidden = w.Changed(), true
		w.say(fine)
		<-changed
		if got := w.Notices(); len(got) != 3 {
			t.Errorf("%v: %q", fine, got)
		}
	}
	w.forbidden = false
	for _, wrong := range []error{
		apierrors.NewForbidden(schema.GroupResource{}, "", nil), apierrors.NewUnauthorized("expired"), apierrors.NewInternalError(errors.New("etcd")),
	} {
		w.say(nil)
		changed = w.Changed()
		w.say(wrong)
		<-changed
		if got := w.Notices(); len(got) != 1 || !strings.Contains(got[0], "what is shown is what was known before") || !strings.Contains(got[0], wrong.Error()) {
			t.Errorf("%v: %q", wrong, got)
		}
	}
}

// A watch that ends is told of the API server's refusal at the next one, which nobody else hears.
func TestAKindThatIsNotWatchedAnyMore(t *testing.T) {
	status, done := http.StatusOK, func() bool { return true }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	w := &Watched{changed: make(chan struct{}), overlay: &overlay{kinds: []*kind{
		{plural: "pods", watched: true, synced: done}, {plural: "nodes", watched: true, synced: done},
	}}}
	asking := http.Client{Transport: &ear{http.DefaultTransport, w.hear}}
	for _, step := range []struct {
		status int
		want   []string
	}{
		{http.StatusOK, nil},
		{http.StatusForbidden, []string{
			"what is shown of pods is at best what was known before: asked for them, the API server answers 403 Forbidden"}},
		{http.StatusUnauthorized, []string{
			"what is shown of pods is at best what was known before: asked for them, the API server answers 401 Unauthorized"}},
		{http.StatusGone, []string{ // what a watch is told that has slept too long, and lists anew
			"what is shown of pods is at best what was known before: asked for them, the API server answers 401 Unauthorized"}},
		{http.StatusOK, nil},
	} {
		status = step.status
		answer, err := asking.Get(server.URL + "/api/v1/namespaces/shop/pods?watch=true")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if diff := cmp.Diff(step.want, w.Notices()); diff != "" {
			t.Errorf("%d: (-want +got):\n%s", status, diff)
		}
	}
}

func TestCredentialsThatAreNotAcceptedAtTheStart(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer server.Close()
	config := &rest.Config{Host: server.URL}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(v1beta1.GroupVersion.WithKind("SidecarSet"), meta.RESTScopeRoot)
	live, err := client.New(config, client.Options{Scheme: program.Scheme(), Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Watch(t.Context(), config, live, ""); err == nil || !strings.Contains(err.Error(), "does not accept your credentials (Unauthorized)") {
		t.Errorf("error = %v", err)
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
