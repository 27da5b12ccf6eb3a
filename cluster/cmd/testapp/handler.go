// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// newHandler answers the test suites' questions; /readyz turns 200 at readyAt.
func newHandler(readyAt time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if wait := time.Until(readyAt); wait > 0 {
			http.Error(w, fmt.Sprintf("not ready for another %s", wait), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, os.Getenv("APP_VERSION")) })
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, os.Getenv(r.URL.Query().Get("name")))
	})
	mux.HandleFunc("/slow", slow)
	mux.HandleFunc("/lookup", lookup)
	mux.HandleFunc("/get", get)
	return mux
}

// slow answers after ?for=, at most 10 s.
func slow(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || d < 0 || d > 10*time.Second {
		http.Error(w, "for: want a duration from 0s to 10s", http.StatusBadRequest)
		return
	}
	time.Sleep(d)
	fmt.Fprintln(w, "ok")
}

// lookup resolves ?host= the way any program in the Pod would.
func lookup(w http.ResponseWriter, r *http.Request) {
	addresses, err := net.DefaultResolver.LookupHost(r.Context(), r.URL.Query().Get("host"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	for _, a := range addresses {
		fmt.Fprintln(w, a)
	}
}

// get fetches ?url= from inside the Pod on a fresh connection, so that Services balance every request.
func get(w http.ResponseWriter, r *http.Request) {
	client := http.Client{Timeout: requestTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(r.URL.Query().Get("url"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}
