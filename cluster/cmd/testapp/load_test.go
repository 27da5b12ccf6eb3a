// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestOnlyReadyEndpointsArePicked(t *testing.T) {
	const events = `
{"type":"ADDED","object":{"metadata":{"name":"s1"},"ports":[{"port":80}],"endpoints":[
 {"addresses":["10.0.0.1"],"conditions":{"ready":true}},
 {"addresses":["10.0.0.2"],"conditions":{"ready":false}},
 {"addresses":["10.0.0.3"],"conditions":{}}]}}
{"type":"ADDED","object":{"metadata":{"name":"s2"},"ports":[{"port":81}],"endpoints":[{"addresses":["10.0.0.4"]}]}}
{"type":"MODIFIED","object":{"metadata":{"name":"s1"},"ports":[{"port":80}],"endpoints":[
 {"addresses":["10.0.0.1"],"conditions":{"ready":false}},
 {"addresses":["10.0.0.2"],"conditions":{"ready":true}}]}}
{"type":"DELETED","object":{"metadata":{"name":"s2"}}}`
	e := &endpoints{}
	if err := followWatch(json.NewDecoder(strings.NewReader(events)), e); !errors.Is(err, io.EOF) {
		t.Errorf("followWatch() = %v, want the end of the watch", err)
	}
	want := [][]string{{"10.0.0.1:80", "10.0.0.3:80"}, {"10.0.0.1:80", "10.0.0.3:80", "10.0.0.4:81"}, {"10.0.0.2:80", "10.0.0.4:81"}, {"10.0.0.2:80"}}
	for i, c := range e.changes {
		if i >= len(want) || !slices.Equal(c.Ready, want[i]) {
			t.Errorf("change %d: ready are %v, want %v", i, c.Ready, want)
		}
	}
	if len(e.changes) != len(want) {
		t.Errorf("%d changes, want %d", len(e.changes), len(want))
	}
	if got := e.pick(); got != "10.0.0.2:80" {
		t.Errorf("pick() = %q, want the one that is ready", got)
	}
}

// A proxy that is stopped takes the requests with it that it is busy with, and the load counts each once.
func TestLostRequestsAreCounted(t *testing.T) {
	busy, release := make(chan struct{}), make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			busy <- struct{}{}
			<-release
		}
	}))
	defer app.Close()
	defer close(release)
	front := httptest.NewServer(newProxy(strings.TrimPrefix(app.URL, "http://")))
	to := strings.TrimPrefix(front.URL, "http://")

	answered := &load{rate: 1000, requests: 5, path: "/", client: front.Client(), target: func() string { return to }}
	answered.run(context.Background())
	if r := answered.report; r.Sent != 5 || r.Lost != 0 {
		t.Errorf("through a proxy that runs: %+v, want 5 sent and none lost", r)
	}

	cut := &load{rate: 1000, requests: 1, path: "/hang", client: front.Client(), target: func() string { return to }}
	go func() {
		<-busy
		front.CloseClientConnections()
		front.Listener.Close()
	}()
	cut.run(context.Background())
	if r := cut.report; r.Sent != 1 || r.Lost != 1 || len(r.Losses) != 1 || r.Losses[0].To != to {
		t.Errorf("through a proxy that ends midway: %+v, want 1 sent and lost", r)
	}

	nobody := &load{rate: 1000, requests: 2, client: http.DefaultClient, target: func() string { return "" }}
	nobody.run(context.Background())
	if r := nobody.report; r.Lost != 2 {
		t.Errorf("without endpoints: %+v, want 2 lost", r)
	}
}

func TestLoadIsBounded(t *testing.T) {
	t.Setenv("LOAD_SERVICE", "web")
	t.Setenv("LOAD_REQUESTS", "10")
	for _, rate := range []string{"", "0", "1001", "many"} {
		t.Setenv("LOAD_RATE", rate)
		if _, _, err := loadFromEnv(); err == nil {
			t.Errorf("LOAD_RATE=%q is taken, want a refusal", rate)
		}
	}
	t.Setenv("LOAD_RATE", "1000")
	if _, service, err := loadFromEnv(); err != nil || service != "web" {
		t.Errorf("loadFromEnv() = %q, %v", service, err)
	}
}
