// SPDX-License-Identifier: Apache-2.0

package box

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// glass is a client that counts the drops.
type glass struct {
	*httptest.ResponseRecorder

	drops []int
}

func (g *glass) Write(data []byte) (int, error) {
	g.drops = append(g.drops, len(data))
	return g.ResponseRecorder.Write(data)
}

func TestATrickleComesInDrops(t *testing.T) {
	client := &glass{ResponseRecorder: httptest.NewRecorder()}
	if _, err := (&tap{ResponseWriter: client, gone: t.Context()}).Write(make([]byte, drop+7)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{drop, 7}, client.drops); diff != "" {
		t.Errorf("drops (-want +got):\n%s", diff)
	}
}

func TestATrickleBringsEverything(t *testing.T) {
	want := bytes.Repeat([]byte("layer "), drop/3) // nearly two drops
	server := httptest.NewServer(trickle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(want) })))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestATrickleEndsWhenItsClientLeaves(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	client := &glass{ResponseRecorder: httptest.NewRecorder()}
	if _, err := (&tap{ResponseWriter: client, gone: gone}).Write(make([]byte, 10*drop)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if diff := cmp.Diff([]int{drop}, client.drops); diff != "" {
		t.Errorf("drops (-want +got):\n%s", diff)
	}
}
