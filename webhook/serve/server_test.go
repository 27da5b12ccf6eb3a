// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

func TestReviewsAreAnsweredUpToThreeMebibytes(t *testing.T) {
	p := serving(t, allow, unlimited)
	const most = 3 << 20
	large := outcome{Code: 413, Message: "windlass: the body is larger than 3145728 bytes; no object that can be stored needs more"}
	for name, test := range map[string]struct {
		body io.Reader
		want outcome
	}{
		"a small one":                    {strings.NewReader(review(200)), outcome{Code: 200, Allowed: true}},
		"the largest":                    {strings.NewReader(review(most)), outcome{Code: 200, Allowed: true}},
		"a byte more":                    {strings.NewReader(review(most + 1)), large},
		"the largest, in chunks":         {io.MultiReader(strings.NewReader(review(most))), outcome{Code: 200, Allowed: true}},
		"a byte more, in chunks":         {io.MultiReader(strings.NewReader(review(most + 1))), large},
		"an empty one is for controller": {http.NoBody, outcome{Code: 200}},
		"what is no JSON, too":           {strings.NewReader("\xff{["), outcome{Code: 200}},
		"a JSON bomb": {strings.NewReader(`{"request":` + strings.Repeat("[", 9000)),
			outcome{Code: 413, Message: "windlass: the review nests 9001 deep, 100 is the most"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, p.ask(from("127.0.0.1"), test.body)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPIServersGetHTTP1(t *testing.T) {
	p := serving(t, allow, unlimited)
	c := tls.Client(p.connect("127.0.0.1"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("got %s", got)
	}
}

// TestWhoIsSlowIsSentAway: nobody may keep a connection without using it.
func TestWhoIsSlowIsSentAway(t *testing.T) {
	const soon = 50 * time.Millisecond
	p := serving(t, allow, func(o *Options) {
		o.Limits.HeaderTime, o.Limits.BodyTime, o.Limits.AnswerTime, o.Limits.IdleTime = soon, soon, soon, soon
	})
	p.expectClosed("a connection that says nothing", p.connect("127.0.0.1"))

	header := tls.Client(p.connect("127.0.0.1"), &tls.Config{InsecureSkipVerify: true})
	_, _ = io.WriteString(header, "POST /review HTTP/1.1\r\nHost:")
	p.expectClosed("a connection without the rest of the header", header)

	body := tls.Client(p.connect("127.0.0.1"), &tls.Config{InsecureSkipVerify: true})
	_, _ = io.WriteString(body, "POST /review HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{")
	p.expectClosed("a connection without the rest of the body", body)

	idle := tls.Client(p.connect("127.0.0.1"), &tls.Config{InsecureSkipVerify: true})
	_, _ = io.WriteString(idle, "GET /open HTTP/1.1\r\nHost: a\r\n\r\n")
	p.expectClosed("a connection that asks no more", idle)
}

func TestWhoDoesNotTakeTheAnswerIsSentAway(t *testing.T) {
	long := func(context.Context, admission.Request) admission.Response {
		return admission.Allowed(strings.Repeat("x", 16<<20)) // more than any socket buffers
	}
	p := serving(t, long, func(o *Options) { o.Limits.AnswerTime = 50 * time.Millisecond })
	c := p.encrypted("127.0.0.1")
	body := review(200)
	_, _ = fmt.Fprintf(c, "POST /review HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	p.eventually("nobody holds anything", func() bool { return held(p.server.reviews.smallReviews) == 0 })
	for range 20 { // the server has given up: what it has sent ends early
		if _, err := io.CopyN(io.Discard, c, 1<<20); err != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("an answer that nobody took was kept")
}

// TestAnAnswerTakesMemoryUntilTheNextRequest: nobody has to read it, and a review of 64 KiB can have one of 400 KiB.
func TestAnAnswerTakesMemoryUntilTheNextRequest(t *testing.T) {
	const most = 100
	long := func(_ context.Context, r admission.Request) admission.Response {
		if len(r.Object.Raw) > 10_000 {
			return admission.Allowed(strings.Repeat("x", int(most*connectionMemory)))
		}
		return admission.Allowed("")
	}
	p := serving(t, long, func(o *Options) { o.Limits.Connections = most })
	if got, err := p.tryAsk(from("127.0.0.1"), strings.NewReader(review(20_000))); err == nil {
		t.Errorf("an answer for which there is no room is sent: %v", got.Code)
	}
	if got := p.ask(from("127.0.0.1"), strings.NewReader(review(200))); !got.Allowed {
		t.Errorf("after that, a review: %v", got)
	}
}

func held(g *gate) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.used
}

// TestConnectionsAreLimitedForEachAddress: an address that has too many loses those that wait, and others lose none.
func TestConnectionsAreLimitedForEachAddress(t *testing.T) {
	p := serving(t, allow, func(o *Options) { o.Limits.Connections = 8 })
	other := p.encrypted("127.0.0.2")
	kept := p.encrypted("127.0.0.1")
	if got := p.get(kept); got != "open" {
		t.Fatalf("got %q", got)
	}
	flood := []net.Conn{}
	for range 40 {
		flood = append(flood, p.connect("127.0.0.1"))
	}
	for i, c := range flood[:len(flood)-8] {
		p.expectClosed(fmt.Sprintf("connection %d of 40", i), c)
	}
	if got := p.ask(from("127.0.0.1"), strings.NewReader(review(200))); got.Code != 200 {
		t.Errorf("got %v for a new connection of the same address", got)
	}
	if got := p.get(kept); got != "open" {
		t.Errorf("got %q on a connection that was used before", got)
	}
	if got := p.get(other); got != "open" {
		t.Errorf("got %q on a connection of another address", got)
	}
}

// TestTheGreatestAddressMakesRoomForOthers: many addresses cannot shut one out.
func TestTheGreatestAddressMakesRoomForOthers(t *testing.T) {
	p := serving(t, allow, func(o *Options) { o.Limits.Connections = 8 })
	first := p.connect("127.0.0.2")
	for i := range 8*connectionMemory/helloMemory - 1 {
		p.connect(fmt.Sprintf("127.0.0.%d", 2+i%2))
	}
	if got := p.ask(from("127.0.0.1"), strings.NewReader(review(200))); got.Code != 200 {
		t.Errorf("got %v while all connections are taken", got)
	}
	p.expectClosed("the oldest connection of the address that has most", first)
}

// TestABurstOfOneAPIServerLosesNoReview: it opens a connection for each review that it waits for.
func TestABurstOfOneAPIServerLosesNoReview(t *testing.T) {
	p := serving(t, allow, func(o *Options) {
		o.Limits.HeaderTime, o.Limits.BodyTime, o.Limits.AnswerTime, o.Limits.Wait = patience, patience, patience, patience
	})
	var burst sync.WaitGroup
	for i := range 700 {
		burst.Go(func() {
			if got, err := p.tryAsk(from("127.0.0.1"), strings.NewReader(review(8_000))); err != nil || !got.Allowed {
				t.Errorf("review %d: %v, %v", i, got, err)
			}
		})
	}
	burst.Wait()
}

// get asks on a connection that is open.
func (p *port) get(c net.Conn) string {
	p.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "GET /open HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return err.Error()
	}
	text := make([]byte, 4096)
	n, err := c.Read(text)
	if err != nil {
		return err.Error()
	}
	_, body, _ := strings.Cut(string(text[:n]), "\r\n\r\n")
	return body
}

// TestLargeReviewsWaitForEachOtherAndSmallOnesForNone.
func TestLargeReviewsWaitForEachOtherAndSmallOnesForNone(t *testing.T) {
	release := make(chan struct{})
	blocking := func(_ context.Context, r admission.Request) admission.Response {
		if len(r.Object.Raw) > 100_000 {
			<-release
		}
		return admission.Allowed("")
	}
	p := serving(t, blocking, func(o *Options) { o.Limits.LargeBodies, o.Limits.Wait = 3_000_000, 50*time.Millisecond })
	var wait sync.WaitGroup
	first := outcome{}
	wait.Go(func() { first, _ = p.tryAsk(from("127.0.0.1"), strings.NewReader(review(1_500_000))) })
	p.eventually("the first large review is at work", func() bool { return held(p.server.reviews.largeReviews) > 0 })

	want := outcome{Code: 503, RetryAfter: "1", Message: "windlass: too many requests are being answered; try again in a second"}
	if diff := cmp.Diff(want, p.ask(from("127.0.0.1"), strings.NewReader(review(1_500_000)))); diff != "" {
		t.Errorf("another large one (-want +got):\n%s", diff)
	}
	if got := p.ask(from("127.0.0.1"), strings.NewReader(review(10_000))); !got.Allowed {
		t.Errorf("a small one: %v", got)
	}
	close(release)
	wait.Wait()
	if !first.Allowed {
		t.Errorf("the first one in the end: %v", first)
	}
	if got := p.ask(from("127.0.0.1"), strings.NewReader(review(1_500_000))); !got.Allowed {
		t.Errorf("a large one afterwards: %v", got)
	}
}

// TestSlowBodiesHoldUpNobodyOfTheSameAddress: an API server may share its address with who attacks, where the network
// hides addresses.
func TestSlowBodiesHoldUpNobodyOfTheSameAddress(t *testing.T) {
	p := serving(t, allow, func(o *Options) { o.Limits.Connections, o.Limits.Wait = 200, time.Nanosecond })
	for range 300 {
		c := p.encrypted("127.0.0.1")
		_, _ = io.WriteString(c, "POST /review HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{")
	}
	for i := range 20 {
		if got := p.ask(from("127.0.0.1"), strings.NewReader(review(60_000))); !got.Allowed {
			t.Fatalf("good review %d: %v", i, got)
		}
	}
}

// TestAFloodLosesNoGoodReview: whatever others send, every review that comes from elsewhere is answered.
func TestAFloodLosesNoGoodReview(t *testing.T) {
	p := serving(t, allow, func(o *Options) { o.Limits.Connections, o.Limits.Wait = 64, patience })
	flooding, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	hostile := []string{review(7 << 20), review(3 << 20), strings.Repeat("{", 1<<20), "", review(500), `{"request":{"object":{"spec":{"containers":[` + strings.Repeat("{},", 9000) + `{}]}}}}`}
	for i := range 12 {
		flood.Go(func() {
			for j := i; flooding.Err() == nil; j++ {
				_, _ = p.tryAsk(from("127.0.0.2"), strings.NewReader(hostile[j%len(hostile)]))
			}
		})
		flood.Go(func() {
			for flooding.Err() == nil { // and who only connects
				c, err := net.Dial("tcp", p.address()) //nolint:noctx // it is closed below
				if err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
				_ = c.Close()
			}
		})
	}
	for i := range 30 {
		if got, err := p.tryAsk(from("127.0.0.3"), strings.NewReader(review(10_000))); err != nil || !got.Allowed {
			t.Errorf("good review %d: %v, %v", i, got, err)
		}
	}
	stop()
	flood.Wait()
}
