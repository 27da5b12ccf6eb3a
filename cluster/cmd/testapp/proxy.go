// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// newProxy passes every request on to the upstream, but for /readyz, which it answers itself.
func newProxy(upstream string) http.Handler {
	passOn := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: upstream})
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("/", passOn)
	return mux
}

// proxy stands between the clients of a Pod and its application until the context ends. It ends as many a real one
// does: at once, with the requests that it is busy with.
func proxy(ctx context.Context, upstream string) (int, error) {
	if _, _, err := net.SplitHostPort(upstream); err != nil {
		return 2, fmt.Errorf("proxy %q: want HOST:PORT of the application, such as 127.0.0.1:8080: %w", upstream, err)
	}
	server := newServer(newProxy(upstream))
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return 1, err
	}
	return 0, nil
}
