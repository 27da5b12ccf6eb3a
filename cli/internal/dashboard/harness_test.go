// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/program"
)

// now is ten minutes after everything was created.
var now = build.Epoch.Add(10 * time.Minute)

// source is a cluster that tells of changes when it is told to.
type source struct {
	client.Client
	mu      sync.Mutex
	changed chan struct{}
	notices []string
}

func (s *source) Live() client.Client { return s.Client }

func (s *source) Notices() []string { return s.notices }

func (s *source) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *source) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// site is a dashboard, and somebody who looks at it.
type site struct {
	t *testing.T
	*source
	server *httptest.Server
	// url is what a person opens.
	url string
}

func newSite(t *testing.T, o Options, objects ...client.Object) *site {
	return newSiteWith(t, o, interceptor.Funcs{}, objects...)
}

func newSiteWith(t *testing.T, o Options, funcs interceptor.Funcs, objects ...client.Object) *site {
	t.Helper()
	cluster := fake.NewClientBuilder().WithScheme(program.Scheme()).WithInterceptorFuncs(funcs).WithReturnManagedFields().
		WithObjects(objects...).Build()
	s := &site{t: t, source: &source{Client: cluster, changed: make(chan struct{})}}
	o.Now = func() time.Time { return now }
	s.server = httptest.NewUnstartedServer(nil)
	s.server.Config.Handler, s.url = Handler(s.server.Listener.Addr(), s.source, o)
	s.server.Start()
	t.Cleanup(s.server.Close)
	s.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// request makes a request for a path below the token. Others are given as URLs.
func (s *site) request(method, path string, body url.Values) *http.Request {
	s.t.Helper()
	if !strings.HasPrefix(path, "http://") {
		path = s.url + path
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// answerTo is the answer to a request, and its body.
func (s *site) answerTo(r *http.Request) (*http.Response, string) {
	s.t.Helper()
	answer, err := s.server.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(body)
}

// get is a page's text.
func (s *site) get(path string) string {
	s.t.Helper()
	answer, body := s.answerTo(s.request(http.MethodGet, path, nil))
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s\n%s", path, answer.Status, body)
	}
	return body
}

// post presses a button, and returns the page that comes then.
func (s *site) post(path string, body url.Values) string {
	s.t.Helper()
	answer, text := s.answerTo(s.request(http.MethodPost, path, body))
	if answer.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("%s: %s\n%s", path, answer.Status, text)
	}
	to, err := answer.Location()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.get(to.String())
}

// listen listens to what becomes of a page that the browser has in a version.
func (s *site) listen(path, version string) (next func() update) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	r := s.request(http.MethodGet, path+"?"+url.Values{"at": {version}}.Encode(), nil).WithContext(ctx)
	r.Header.Set("Accept", eventStream)
	answer, err := s.server.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if got := answer.Header.Get("Content-Type"); got != eventStream {
		s.t.Fatalf("content type %s", got)
	}
	lines := bufio.NewReader(answer.Body)
	return func() update {
		s.t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				s.t.Fatal(err)
			}
			if data, is := strings.CutPrefix(line, "data: "); is {
				var u update
				if err := json.Unmarshal([]byte(data), &u); err != nil {
					s.t.Fatal(err)
				}
				return u
			}
		}
	}
}
