// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// Source is the cluster as the pages read it.
type Source interface {
	client.Client
	// Live asks the API server itself: what is to be changed is read anew before.
	Live() client.Client
	// Notices say what cannot be read, or is not up to date.
	Notices() []string
	// Changed returns a channel that is closed when anything has changed after the call.
	Changed() <-chan struct{}
}

// Options are what a dashboard is to be like.
type Options struct {
	// Namespace is the one whose objects are listed; "" for those of all.
	Namespace string
	// OperatorNamespace is where the revisions of SidecarSets are; "" to look for them in all.
	OperatorNamespace string
	// Context is what people call the cluster, "" where it has no name.
	Context string
	// Flags are those of kubectl that commands need for the same cluster, with a blank before each.
	Flags string
	// ReadOnly: nothing can be changed.
	ReadOnly bool
	Now      func() time.Time
}

// server answers.
type server struct {
	Options
	source Source
	// base is the path below which everything is.
	base string
	said said
}

// Listen opens a port on 127.0.0.1; 0 stands for one that is free.
func Listen(port int) (*net.TCPListener, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, fmt.Errorf("--port=%d: cannot listen there: %w; without --port a free one is taken", port, err)
	}
	return listener, nil
}

// Handler answers the requests to an address, and url is what a person opens.
func Handler(address net.Addr, source Source, o Options) (handler http.Handler, url string) {
	s := &server{Options: o, source: source}
	g := newGuard(address, s.routes())
	s.base = g.base()
	url = g.url()
	return g, url
}

// headerTime is how long a browser may take to say what it wants.
const headerTime = 10 * time.Second

// Serve answers until the context is done, with which all requests end.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTime, BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

//go:embed assets
var assets embed.FS

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /assets/{file}", http.FileServerFS(assets))
	mux.HandleFunc("GET /{$}", s.page(s.rolloutsPage))
	mux.HandleFunc("GET /exclusions", s.page(s.exclusionsPage))
	mux.HandleFunc("GET /pod/{namespace}/{name}", s.page(s.podPage))
	for _, kind := range view.Kinds {
		mux.HandleFunc("GET "+pattern(kind), s.page(s.objectPage(kind)))
		if kind != view.SchedPatch && !s.ReadOnly {
			mux.HandleFunc("POST "+pattern(kind)+"/{verb}", s.act(kind))
		}
	}
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { s.fail(w, missing{errors.New("there is no such page")}) })
	return mux
}

// pattern is the path of the objects of a kind.
func pattern(kind view.Kind) string {
	if kind.Namespaced() {
		return "/" + string(kind) + "/{namespace}/{name}"
	}
	return "/" + string(kind) + "/{name}"
}

// maker makes a page for a request.
type maker func(ctx context.Context, r *http.Request) (*page, error)

// missing is about a page that there is not.
type missing struct{ error }

// pageTime is how long the cluster may take to answer for a page.
const pageTime = 20 * time.Second

// page answers with a page as a whole, or with what becomes of it, whichever the browser asks for.
func (s *server) page(pageOf maker) http.HandlerFunc {
	limited := func(r *http.Request) (*page, error) {
		ctx, cancel := context.WithTimeout(r.Context(), pageTime)
		defer cancel()
		return pageOf(ctx, r)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		accepts := r.Header.Get("Accept")
		if accepts == eventStream {
			s.stream(w, r, limited)
			return
		}
		made, err := limited(r)
		switch {
		case err != nil && accepts == whole && !errors.As(err, &missing{}):
			answerWith(w, http.StatusBadGateway, notMade(r.Header.Get("If-None-Match"), err))
		case err != nil:
			s.fail(w, err)
		case accepts == whole:
			answerWhole(w, r, made)
		default:
			s.write(w, http.StatusOK, made, s.said.of(r.URL.Query().Get("said")))
		}
	}
}

// fail answers with why there is no page.
func (s *server) fail(w http.ResponseWriter, err error) {
	status, title := http.StatusBadGateway, "The cluster did not answer as it should"
	if errors.As(err, &missing{}) {
		status, title = http.StatusNotFound, "Not found"
	}
	s.write(w, status, &page{title: title, main: leaf("main", render("failure", failure{title, sentence(err.Error())}))}, nil)
}

// write writes a page within the frame that all pages have.
func (s *server) write(w http.ResponseWriter, status int, p *page, note *note) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	writeTo(w, "layout", layout{
		Title: p.title, Base: s.base, Context: s.Context, Namespace: s.Namespace, ReadOnly: s.ReadOnly, Here: p.here, Note: note,
		Version: p.main.version(), Main: trusted(p.main.html()),
	})
}

// within is the cluster, for objects of a namespace.
func (s *server) within(namespace string) *read.Cluster {
	return &read.Cluster{Client: s.source, Scope: read.Scope{Namespace: namespace, All: namespace == ""}}
}
