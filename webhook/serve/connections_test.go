// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"fmt"
	"net"
	"testing"
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
	table := newConnections(20)
	for range 4 {
		table.add(&peer{address: apiServer}).work()
	}
	var idle []*peer
	for i := range 16 {
		p := &peer{address: fmt.Sprintf("10.1.0.%d", i/2)}
		idle = append(idle, p)
		table.add(p)
	}
	if table.add(&peer{address: apiServer}) == nil {
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
