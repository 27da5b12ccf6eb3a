// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/view"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// stray is what begins the words of a template that does not fit its data.
const stray = "<!-- "

// has checks that a page has all of some texts, in this order.
func (s *site) has(body string, texts ...string) {
	s.t.Helper()
	rest := body
	for _, text := range texts {
		at := strings.Index(rest, text)
		if at < 0 {
			s.t.Fatalf("%q is not there, or not where it should be, in\n%s", text, body)
		}
		rest = rest[at:]
	}
	if strings.Contains(body, stray) || strings.Contains(body, hole) {
		s.t.Errorf("a template does not fit its data:\n%s", body)
	}
}

func (s *site) hasNot(body string, texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if strings.Contains(body, text) {
			s.t.Errorf("%q is there:\n%s", text, body)
		}
	}
}

func TestRollouts(t *testing.T) {
	s := newSite(t, Options{Context: "prod", Flags: " --context prod"}, completeSet(), stalled())
	s.notices = []string{"pods are being read"}
	s.has(s.get(""), "Rollouts · Windlass · prod", "<span>prod</span>", "2 objects: 1 to look after, 1 fine.", "Pods are being read.",
		"asts/db</a>", "default", "Stalled: ErrImagePull", "db-2: image &lt;db:9&gt; cannot be pulled.", "1/3", "3h",
		"asts/web</a>", "Complete", "3/3")
	s.has(newSite(t, Options{}).get(""), "There is no SidecarSet, no StatefulSet of apps.kruise.io and no SchedPatch in any namespace that you may see.")
	s = newSite(t, Options{Namespace: "empty"}, completeSet())
	s.has(s.get(""), "<span>namespace empty</span>", "SchedPatch in namespace empty that you may see.")
}

func TestAnObjectAndItsPods(t *testing.T) {
	set := completeSet()
	objects := append(recorded(set), set)
	objects = append(objects, podsOf(set, "web-1", 0, 2)...)
	objects = append(objects, podsOf(set, "web-2", 2, 14)...)
	objects = append(objects, nodes()...)
	s := newSite(t, Options{Flags: " --context prod"}, objects...)
	body := s.get("asts/default/web")
	s.has(body, "All 3 Pods are available.", "kubectl windlass tree asts/web -n default --context prod",
		"<button>Pause</button> <code>kubectl windlass pause asts/web -n default --context prod</code>",
		"Zones", ">zone-a<", ">zone-b<", ">zone-c<", ">no zone<", "at web-2, the current revision", "at web-1", "none",
		"at web-2, the current revision", "12 ready", "default/web-2</a>", "default/web-11</a>", "and 2 more", "at web-1", "default/web-0</a>",
		"History", "<b>2</b>", "now", "app=app:1", "It is what the object says now.",
		"<b>1</b>", "-      - image: app:1", "&#43;      - image: app:0", "Go back to revision 1", "undo asts/web --to-revision 1 -n default")
	s.hasNot(body, "default/web-12</a>")
	more := regexp.MustCompile(`href="([^"]*)">and 2 more`).FindStringSubmatch(body)
	s.has(s.get("http://"+s.server.Listener.Addr().String()+html.UnescapeString(more[1])),
		"at web-2, the current revision", "default/web-12</a>", "default/web-13</a>")
	s.has(s.get("asts/default/web?group=nope"), "No Pod is there any more.")
}

func TestLargeGroupsComeInPages(t *testing.T) {
	set := completeSet()
	s := newSite(t, Options{}, append(podsOf(set, "web-2", 0, 250), set)...)
	for query, want := range map[string][]string{
		"1":    {"default/web-0<", "default/web-99<", "1 to 100 of 250", "Later"},
		"2":    {"default/web-100<", "default/web-199<", "Earlier", "101 to 200 of 250", "Later"},
		"3":    {"default/web-200<", "default/web-249<", "Earlier", "201 to 250 of 250"},
		"4":    {"default/web-0<", "1 to 100 of 250"},
		"many": {"default/web-0<", "1 to 100 of 250"},
	} {
		s.has(s.get("asts/default/web?"+url.Values{"group": {"at web-2, the current revision"}, "page": {query}}.Encode()), want...)
	}
}

// What a person may not read is said, and the rest is shown.
func TestWhatOneMayNotRead(t *testing.T) {
	forbidden := interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		switch list.(type) {
		case *corev1.PodList, *corev1.NodeList, *v1beta1.SidecarSetList:
			return apierrors.NewForbidden(schema.GroupResource{Resource: "such"}, "", errors.New("no role"))
		}
		return c.List(ctx, list, opts...)
	}}
	s := newSiteWith(t, Options{}, forbidden, completeSet())
	s.has(s.get(""), "1 object: 1 fine.", "Cannot list sidecarsets.apps.kruise.io: such is forbidden: no role.", "asts/web")
	s.has(s.get("asts/default/web"), "Complete", "Cannot list Pods: such is forbidden: no role.", "Cannot list nodes", "zones are not known.",
		"There are none to show.")
}

func TestWhyAPodHasNone(t *testing.T) {
	set := build.MakeSidecarSet("mesh").Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"app": "mesh"}}).Container("proxy", "proxy:1").Obj()
	s := newSite(t, Options{}, set, build.MakePod("web").Obj(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}})
	s.has(s.get("pod/default/web"), "pod/web", "default", "Not meant for the Pod", "sidecarset/mesh",
		"spec.selector does not select it: it asks for app=mesh, and the Pod has no such label.", "kubectl windlass why pod/web -n default")
	answer, body := s.answerTo(s.request(http.MethodGet, "pod/default/nope", nil))
	if answer.StatusCode != http.StatusNotFound || !strings.Contains(body, "There is no Pod nope of v1 in namespace default.") {
		t.Errorf("%s\n%s", answer.Status, body)
	}
}

// shown is what the only button of a page that goes back sends along.
func (s *site) shown(path string) string {
	s.t.Helper()
	found := regexp.MustCompile(`name="revision" value="1"><input type="hidden" name="shown" value="([^"]+)"`).FindStringSubmatch(s.get(path))
	if found == nil {
		s.t.Fatal("no button goes back to revision 1")
	}
	return found[1]
}

func TestButtons(t *testing.T) {
	set := completeSet()
	s := newSite(t, Options{}, append(recorded(set), set)...)
	stored := func() *v1beta1.StatefulSet {
		t.Helper()
		out := &v1beta1.StatefulSet{}
		if err := s.Get(t.Context(), keyOf(set), out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	s.has(s.post("asts/default/web/pause", nil), "asts/web is paused: no further Pod is updated", "<button>Resume</button>")
	if !stored().Spec.UpdateStrategy.RollingUpdate.Paused {
		t.Error("not paused")
	}
	s.has(s.post("asts/default/web/pause", nil), "asts/web is paused already.")
	s.has(s.post("asts/default/web/resume", nil), "asts/web goes on.", "<button>Pause</button>")
	shown := s.shown("asts/default/web")
	changed := stored()
	changed.Spec.Template.Spec.Containers[0].Image = "app:2"
	if err := s.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	undo := url.Values{"revision": {"1"}, "shown": {shown}}
	s.has(s.post("asts/default/web/undo", undo), `class="note failed" role="alert"`, "asts/web was changed meanwhile: going back to revision 1 would "+
		"make another difference than the one that was shown, so nothing was written; look again.")
	if got := stored().Spec.Template.Spec.Containers[0].Image; got != "app:2" {
		t.Errorf("image %s", got)
	}
	undo.Set("shown", s.shown("asts/default/web"))
	s.has(s.post("asts/default/web/undo", undo), "asts/web goes back to revision 1 (web-1): app=app:0.")
	if got := stored().Spec.Template.Spec.Containers[0].Image; got != "app:0" {
		t.Errorf("image %s", got)
	}
	s.has(s.post("asts/default/web/undo", url.Values{"revision": {"7"}}), `class="note failed" role="alert"`, "There is no revision 7; there are 1, 2.")
	s.has(s.post("asts/default/web/undo", nil), "Revision &#34;&#34; is not a number.")
	s.has(s.post("asts/default/web/explode", nil), "Nothing here is called &#34;explode&#34;; there are pause, resume and undo.")
}

// What Git owns is not written, whoever presses what.
func TestWhatGitOwns(t *testing.T) {
	set := completeSet()
	set.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps.kruise.io/StatefulSet:default/web"}
	s := newSite(t, Options{}, append(recorded(set), set)...)
	body := s.get("asts/default/web")
	s.has(body, ">Pause</summary>", "asts/web is managed by Argo CD (Application shop), which may bring it back to what Git says. Commit instead:",
		"spec.updateStrategy.rollingUpdate.paused: true", "kubectl windlass pause asts/web -n default --force",
		">Go back to revision 1</summary>", "revert the commit that made this difference:")
	s.hasNot(body, "<button", "<form")
	s.has(s.post("asts/default/web/pause", nil), "Nothing was written. Commit instead:")
	stored := &v1beta1.StatefulSet{}
	if err := s.Get(t.Context(), keyOf(set), stored); err != nil {
		t.Fatal(err)
	}
	if rolling := stored.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Paused {
		t.Error("written all the same")
	}
}

func TestSpread(t *testing.T) {
	l := func(name, node string, health view.Health) view.Leaf {
		return view.Leaf{Name: name, Node: node, Health: health}
	}
	groups := []view.Group{
		{Title: "new", Pods: []view.Leaf{l("a", "n1", view.Wrong), l("b", "n1", view.Fine), l("c", "n3", view.Fine), l("d", "", view.Working)}},
		{Title: "old", Pods: []view.Leaf{l("e", "n2", view.Fine)}},
	}
	want := spread{Zones: []string{"a", "b", noZone, noNode}, Rows: []spreadRow{
		{"new", []cell{{"a", 2, []tally{{view.Wrong, 1}, {view.Fine, 1}}}, {"b", 0, nil}, {noZone, 1, []tally{{view.Fine, 1}}}, {noNode, 1, []tally{{view.Working, 1}}}}},
		{"old", []cell{{"a", 0, nil}, {"b", 1, []tally{{view.Fine, 1}}}, {noZone, 0, nil}, {noNode, 0, nil}}},
	}}
	if diff := cmp.Diff(want, spreadOf(groups, map[string]string{"n1": "a", "n2": "b"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := spreadOf(groups, nil); len(got.Rows) > 0 {
		t.Errorf("without zones: %+v", got)
	}
}
