// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// peer is a connection from somewhere.
type peer struct {
	net.Conn
	address string
	closed  bool
}

func (p *peer) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(p.address), Port: 1} }

func (p *peer) Close() error {
	p.closed = true
	return nil
}

// TestManyAddressesTakeNothingFromAnAPIServerAtWork: whoever has many addresses has few connections of each, and an API
// server at work may well have the most.
func TestManyAddressesTakeNothingFromAnAPIServerAtWork(t *testing.T) {
	const apiServer = "10.0.0.1"
	table := newConnections(Limits{Connections: 20, Arriving: 1, HeaderTime: patience})
	for range 4 {
		table.add(&peer{address: apiServer}).work()
	}
	var idle []*peer
	for i := range 16 {
		p := &peer{address: fmt.Sprintf("10.1.0.%d", i/2)}
		idle = append(idle, p)
		table.add(p)
	}
	table.add(&peer{address: apiServer})
	if len(table.open[apiServer]) != 5 {
		t.Fatal("the API server is sent away, while others hold connections that they do not use")
	}
	closed := 0
	for _, p := range idle {
		if p.closed {
			closed++
		}
	}
	if closed != 1 {
		t.Errorf("closed: %d connections that nobody uses, want 1", closed)
	}
}

// TestNobodyLosesAPlaceBeforeItWasSilentForAWhile: in a burst an API server opens more connections at once than have
// room, and none of them may be lost.
func TestNobodyLosesAPlaceBeforeItWasSilentForAWhile(t *testing.T) {
	table := newConnections(Limits{Connections: 4, Arriving: 20, HeaderTime: patience, Wait: patience, Silence: time.Hour})
	var burst []*peer
	for range 9 {
		burst = append(burst, &peer{address: "10.0.0.1"})
		table.add(burst[len(burst)-1])
	}
	served := 0
	for c := table.take(); c != nil; c = table.take() {
		served++
		if got := len(table.open[c.source]); got > 2 {
			t.Errorf("%d connections of one address are open, want 2 at most", got)
		}
		_ = c.Close()
	}
	if served != len(burst) {
		t.Errorf("%d of %d connections are served", served, len(burst))
	}
}
