// SPDX-License-Identifier: Apache-2.0

package program

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

// freePort is one that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// probes are the answers to probes; nil while nobody answers any.
func probes(address string) []string {
	var got []string
	for _, path := range []string{"/healthz", "/readyz"} {
		response, err := http.Get("http://" + address + path) //nolint:noctx // on this machine
		if err != nil {
			return nil
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		got = append(got, fmt.Sprintf("%d %s", response.StatusCode, text))
	}
	return got
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestAProgramThatStartsBeforeTheAPIServerWaitsForIt(t *testing.T) {
	var answers atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !answers.Load() {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"major":"1","minor":"37"}`)
	}))
	t.Cleanup(server.Close)
	o := Options{ProbeAddress: freePort(t)}
	ended := make(chan error, 1)
	go func() {
		answered, err := o.AwaitAPIServer(t.Context(), &rest.Config{Host: server.URL})
		if err == nil && !answered {
			err = context.Canceled
		}
		ended <- err
	}()
	eventually(t, "probes are answered", func() bool { return probes(o.ProbeAddress) != nil })
	want := []string{"200 ok", "503 the API server does not answer yet\n"}
	if diff := cmp.Diff(want, probes(o.ProbeAddress)); diff != "" {
		t.Errorf("probes meanwhile (-want +got):\n%s", diff)
	}
	select {
	case err := <-ended:
		t.Fatalf("it waits no more, although nobody answers: %v", err)
	default:
	}
	answers.Store(true)
	if err := <-ended; err != nil {
		t.Errorf("got %v once it answers", err)
	}
	if got := probes(o.ProbeAddress); got != nil {
		t.Errorf("probes are still answered, where the program itself is to: %v", got)
	}
}

func TestAProgramThatIsStoppedWaitsNoMore(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	o := Options{ProbeAddress: freePort(t)}
	ended := make(chan bool, 1)
	go func() {
		answered, err := o.AwaitAPIServer(ctx, &rest.Config{Host: "http://" + freePort(t)})
		ended <- answered || err != nil
	}()
	eventually(t, "it waits", func() bool { return probes(o.ProbeAddress) != nil })
	stop()
	if <-ended {
		t.Error("it says that the API server has answered, or fails")
	}
}
