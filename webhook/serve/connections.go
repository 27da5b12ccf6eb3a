// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"errors"
	"net"
	"sync"
	"time"
)

// connections are those that are open. When there are too many, of one address or in all, the one goes first that has
// been waiting for its peer the longest and was never asked anything: API servers send their request at once, and are
// waited for only between two requests.
type connections struct {
	most, share int

	mu sync.Mutex
	// open are all connections by address.
	open  map[string]map[*connection]struct{}
	total int
}

// connection is one that is open.
type connection struct {
	net.Conn
	source string
	table  *connections

	// the rest is guarded by table.mu
	since  time.Time
	busy   bool
	proven bool
	closed bool
}

func newConnections(most int) *connections {
	return &connections{most: most, share: max(1, most/2), open: map[string]map[*connection]struct{}{}}
}

// listener accepts connections into the table.
type listener struct {
	net.Listener
	table *connections
}

// Accept returns the next connection that there is room for.
func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.table.add(accepted); c != nil {
			return c, nil
		}
		closedConnections.WithLabelValues(closedRefused).Inc()
		discard(accepted)
	}
}

// add takes a connection into the table; nil when there is no room for it.
func (t *connections) add(accepted net.Conn) *connection {
	c := &connection{Conn: accepted, source: sourceOf(accepted.RemoteAddr()), table: t, since: time.Now()}
	t.mu.Lock()
	victim, ok := t.makeRoom(c.source)
	if ok {
		t.put(c)
	}
	t.mu.Unlock()
	if victim != nil {
		closedConnections.WithLabelValues(closedForAnother).Inc()
		discard(victim.Conn)
	}
	if !ok {
		return nil
	}
	return c
}

// makeRoom removes a connection from the table where one has to go for another of this source, and reports whether
// there is room then.
func (t *connections) makeRoom(source string) (victim *connection, ok bool) {
	from := source
	switch {
	case len(t.open[source]) >= t.share:
	case t.total >= t.most:
		from = t.greatest()
	default:
		return nil, true
	}
	for c := range t.open[from] {
		if !c.busy && (victim == nil || c.before(victim)) {
			victim = c
		}
	}
	if victim == nil {
		return nil, false
	}
	t.remove(victim)
	return victim, true
}

// crowded reports whether a source has half of the connections that it may have.
func (t *connections) crowded(source string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open[source]) >= max(1, t.share/2)
}

// greatest is the source with the most connections that wait for their peers: one whose connections are all at work has
// none to give, however many they are.
func (t *connections) greatest() string {
	greatest, most := "", 0
	for source, open := range t.open {
		waiting := 0
		for c := range open {
			if !c.busy {
				waiting++
			}
		}
		if waiting > most {
			greatest, most = source, waiting
		}
	}
	return greatest
}

// before reports whether a connection has to go before another.
func (c *connection) before(other *connection) bool {
	if c.proven != other.proven {
		return !c.proven
	}
	return c.since.Before(other.since)
}

func (t *connections) put(c *connection) {
	if t.open[c.source] == nil {
		t.open[c.source] = map[*connection]struct{}{}
	}
	t.open[c.source][c] = struct{}{}
	t.total++
	openConnections.Set(float64(t.total))
}

func (t *connections) remove(c *connection) {
	if c.closed {
		return
	}
	c.closed = true
	delete(t.open[c.source], c)
	if len(t.open[c.source]) == 0 {
		delete(t.open, c.source)
	}
	t.total--
	openConnections.Set(float64(t.total))
}

// begin notes that the peer has begun to ask.
func (c *connection) begin() {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	c.since = time.Now()
}

// work notes that the peer has sent what it had to, and waits for us.
func (c *connection) work() {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	c.busy = true
}

// await notes that we wait for the peer: to take an answer, and to ask again.
func (c *connection) await(answered bool) {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	c.busy, c.since = false, time.Now()
	c.proven = c.proven || answered
}

// Close closes the connection and makes room for another.
func (c *connection) Close() error {
	c.table.mu.Lock()
	c.table.remove(c)
	c.table.mu.Unlock()
	return c.Conn.Close()
}

// discard closes at once: what is still to be sent is thrown away, and the peer is not waited for.
func discard(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		log.V(1).Info("close a connection", "error", err.Error())
	}
}

// sourceOf is the address without the port.
func sourceOf(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("").String()
	}
	return address.String()
}
