// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

var versionOf = regexp.MustCompile(`data-version="([^"]*)"`)

// finish has the stalled set come to its end.
func (s *site) finish() {
	s.t.Helper()
	set := &v1beta1.StatefulSet{}
	if err := s.Get(s.t.Context(), keyOf(stalled()), set); err != nil {
		s.t.Fatal(err)
	}
	set.Status = completeSet().Status
	if err := s.Update(s.t.Context(), set); err != nil {
		s.t.Fatal(err)
	}
	s.tell()
}

func TestABrowserIsToldWhatHasChanged(t *testing.T) {
	s := newSite(t, Options{}, stalled(), completeSet())
	version := versionOf.FindStringSubmatch(s.get(""))[1]
	next := s.listen("", version)
	s.finish()
	u := next()
	if len(u.Changes) == 0 || u.Version == version || u.Say != "asts/db: Complete." {
		t.Fatalf("%+v", u)
	}
	for _, change := range u.Changes {
		if strings.Contains(change.HTML, "asts/web") && !strings.Contains(change.HTML, "asts/db") {
			t.Errorf("the row of asts/web has not changed:\n%s", change.HTML)
		}
	}
}

func TestABrowserThatIsBehindGetsTheWholePage(t *testing.T) {
	s := newSite(t, Options{}, stalled())
	u := s.listen("", "of yesterday")()
	if len(u.Changes) != 1 || u.Changes[0].ID != "main" || u.Say != "" {
		t.Errorf("%+v", u)
	}
}

// failing is an API server that does not answer while it is broken.
func failing(broken *atomic.Bool) interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
			if broken.Load() {
				return errors.New("connection refused")
			}
			return c.Get(ctx, key, object, opts...)
		},
	}
}

func TestABrowserIsToldThatThePageCannotBeMade(t *testing.T) {
	var broken atomic.Bool
	s := newSiteWith(t, Options{}, failing(&broken), stalled())
	version := versionOf.FindStringSubmatch(s.get("asts/default/db"))[1]
	broken.Store(true)
	next := s.listen("asts/default/db", version)
	if u := next(); u.Notice != "Not read anew: Cannot read asts/db: connection refused. It is tried again." || len(u.Changes) > 0 {
		t.Errorf("%+v", u)
	}
	broken.Store(false)
	s.tell()
	for u := next(); u.Notice != ""; u = next() {
	}
}

// Who asks again and again is not told that the object is gone when the API server does not answer.
func TestABrowserThatAsksIsToldThatThePageCannotBeMade(t *testing.T) {
	var broken atomic.Bool
	s := newSiteWith(t, Options{}, failing(&broken), stalled())
	ask := func(path string) (*http.Response, string) {
		r := s.request(http.MethodGet, path, nil)
		r.Header.Set("Accept", whole)
		r.Header.Set("If-None-Match", "the last one")
		return s.answerTo(r)
	}
	if answer, _ := ask("asts/default/nope"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("an object that is gone: %s", answer.Status)
	}
	broken.Store(true)
	answer, body := ask("asts/default/db")
	var u update
	if err := json.Unmarshal([]byte(body), &u); err != nil || answer.StatusCode != http.StatusBadGateway {
		t.Fatalf("%s: %v\n%s", answer.Status, err, body)
	}
	if u.Version != "the last one" || u.Notice != "Not read anew: Cannot read asts/db: connection refused. It is tried again." || len(u.Changes) > 0 {
		t.Errorf("%+v", u)
	}
}

// Where streams do not come through, the page is asked for, as far as it is another one.
func TestABrowserThatCannotListenAsks(t *testing.T) {
	s := newSite(t, Options{}, stalled())
	version := versionOf.FindStringSubmatch(s.get(""))[1]
	ask := func() (*http.Response, string) {
		r := s.request(http.MethodGet, "", nil)
		r.Header.Set("Accept", whole)
		r.Header.Set("If-None-Match", version)
		return s.answerTo(r)
	}
	if answer, body := ask(); answer.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("%s %s", answer.Status, body)
	}
	s.finish()
	answer, body := ask()
	var u update
	if err := json.Unmarshal([]byte(body), &u); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", answer.Status, err)
	}
	if len(u.Changes) != 1 || u.Changes[0].ID != "main" || !strings.Contains(u.Changes[0].HTML, "Complete") {
		t.Errorf("%+v", u)
	}
}
