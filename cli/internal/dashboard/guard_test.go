// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

func TestWhoIsLetIn(t *testing.T) {
	s := newSite(t, Options{}, stalled())
	here, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.Trim(here.Path, "/")
	if len(token) < 26 {
		t.Fatalf("the token has only %d characters", len(token))
	}
	for name, test := range map[string]struct {
		method, path, host string
		header             map[string]string
		want               int
	}{
		"who has the URL":              {path: s.url, want: http.StatusOK},
		"under the name localhost":     {path: s.url, host: "localhost:" + here.Port(), want: http.StatusOK},
		"without the token":            {path: "http://" + here.Host + "/", want: http.StatusNotFound},
		"with another token":           {path: "http://" + here.Host + "/" + strings.Repeat("A", len(token)) + "/", want: http.StatusNotFound},
		"with a part of the token":     {path: "http://" + here.Host + "/" + token[:10] + "/", want: http.StatusNotFound},
		"without the stroke behind it": {path: "http://" + here.Host + "/" + token, want: http.StatusNotFound},
		"for the style without it":     {path: "http://" + here.Host + "/assets/page.css", want: http.StatusNotFound},
		"under another name":           {path: s.url, host: "rebound.example:" + here.Port(), want: http.StatusMisdirectedRequest},
		"under another port":           {path: s.url, host: "127.0.0.1:1", want: http.StatusMisdirectedRequest},
		"by a button": {method: http.MethodPost, path: s.url + "asts/default/db/pause",
			header: map[string]string{"Sec-Fetch-Site": "same-origin"}, want: http.StatusSeeOther},
		"by a button of another page": {method: http.MethodPost, path: s.url + "asts/default/db/pause",
			header: map[string]string{"Sec-Fetch-Site": "cross-site"}, want: http.StatusForbidden},
		"by a button of another port": {method: http.MethodPost, path: s.url + "asts/default/db/pause",
			header: map[string]string{"Sec-Fetch-Site": "same-site"}, want: http.StatusForbidden},
		"by a button of another page, from an old browser": {method: http.MethodPost, path: s.url + "asts/default/db/pause",
			header: map[string]string{"Origin": "http://evil.example"}, want: http.StatusForbidden},
		"by another method":         {method: http.MethodDelete, path: s.url + "asts/default/db", want: http.StatusMethodNotAllowed},
		"to change by looking":      {path: s.url + "asts/default/db/pause", want: http.StatusNotFound},
		"by a button on a page":     {method: http.MethodPost, path: s.url + "asts/default/db", want: http.StatusMethodNotAllowed},
		"for what there is not":     {path: s.url + "asts/default/nope", want: http.StatusNotFound},
		"for a page there is not":   {path: s.url + "nope", want: http.StatusNotFound},
		"for the folder of a style": {path: s.url + "assets/", want: http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			if test.method == "" {
				test.method = http.MethodGet
			}
			r := s.request(test.method, test.path, nil)
			if test.host != "" {
				r.Host = test.host
			}
			for key, value := range test.header {
				r.Header.Set(key, value)
			}
			answer, body := s.answerTo(r)
			if answer.StatusCode != test.want {
				t.Errorf("%s\n%s", answer.Status, body)
			}
			for key, value := range headers {
				if diff := cmp.Diff(value, answer.Header.Get(key)); diff != "" {
					t.Errorf("%s: (-want +got):\n%s", key, diff)
				}
			}
			if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusSeeOther && strings.Contains(body, token) &&
				!strings.HasPrefix(test.path, s.url) {
				t.Error("the token is told to somebody who does not know it")
			}
			if len(answer.Cookies()) > 0 || answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("headers %v", answer.Header)
			}
		})
	}
}

// Browsers leave port 80 out of the host.
func TestTheHostWithoutItsPort(t *testing.T) {
	for port, want := range map[int]bool{80: true, 8080: false} {
		g := newGuard(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, http.NotFoundHandler())
		for _, host := range []string{"127.0.0.1", "localhost"} {
			if got := g.known(host); got != want {
				t.Errorf("port %d, host %s: known %t", port, host, got)
			}
		}
		if g.known("rebound.example") || !strings.HasPrefix(g.url(), fmt.Sprintf("http://127.0.0.1:%d/", port)) {
			t.Errorf("port %d: %q, %s", port, g.hosts, g.url())
		}
	}
}

func TestEveryDashboardHasItsOwnToken(t *testing.T) {
	a, b := newSite(t, Options{}), newSite(t, Options{})
	if a.url[strings.LastIndex(a.url[:len(a.url)-1], "/"):] == b.url[strings.LastIndex(b.url[:len(b.url)-1], "/"):] {
		t.Error("the same one")
	}
}

func TestReadOnlyChangesNothing(t *testing.T) {
	set := completeSet()
	s := newSite(t, Options{ReadOnly: true}, append(recorded(set), set)...)
	body := s.get("asts/default/web")
	if strings.Contains(body, "<form") || strings.Contains(body, "<button") || !strings.Contains(body, "read-only") {
		t.Errorf("buttons on a read-only page:\n%s", body)
	}
	answer, _ := s.answerTo(s.request(http.MethodPost, "asts/default/web/pause", nil))
	if answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a button all the same: %s", answer.Status)
	}
	stored := &v1beta1.StatefulSet{}
	if err := s.Get(t.Context(), keyOf(set), stored); err != nil {
		t.Fatal(err)
	}
	if stored.Spec.UpdateStrategy.RollingUpdate != nil && stored.Spec.UpdateStrategy.RollingUpdate.Paused {
		t.Error("paused")
	}
}
