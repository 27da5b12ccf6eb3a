// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"errors"
	"net"
	"sync"
	"time"
)

// connections are those that are open. When there are too many, of one address or in all, the next ones wait for a
// place. If nobody leaves, the one goes first that has been waiting for its peer the longest and was never asked
// anything: API servers send their request at once, and are waited for only between two requests. But it goes only once
// it has waited for a while. An API server with a burst of Pods opens hundreds of connections in one moment; whoever
// takes one from it leaves a Pod without its sidecars.
type connections struct {
	most, share int
	// silence is how long the peer of an open connection may say nothing while others wait for its place.
	silence time.Duration
	// late is after what time in the line the newest goes first, and patience how long one waits at most: its peer has
	// given up then.
	late, patience time.Duration
	// news is sent to when somebody has got a place.
	news chan struct{}

	mu sync.Mutex
	// ready are those that have got a place and that nobody serves yet.
	ready []*connection
	// open are all connections with a place, by address.
	open  map[string]map[*connection]struct{}
	total int
	// waiting are those without one.
	waiting line
	// looking is true while a timer runs for those that wait.
	looking bool
}

// connection is one that has a place, or waits for one.
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

func newConnections(limits Limits) *connections {
	return &connections{
		most: limits.Connections, share: max(1, limits.Connections/2), silence: limits.Silence, late: limits.Wait, patience: limits.HeaderTime,
		news: make(chan struct{}, 1), open: map[string]map[*connection]struct{}{}, waiting: newLine(limits.Arriving),
	}
}

// add takes in a connection that was accepted. It gets its place at once or later, or is closed.
func (t *connections) add(accepted net.Conn) *connection {
	c := &connection{Conn: accepted, source: sourceOf(accepted.RemoteAddr()), table: t, since: time.Now()}
	t.change(func() (dropped *connection) { return t.waiting.push(c) })
	return c
}

// change changes the table, gives places to those that wait, and closes what has lost its own.
func (t *connections) change(how func() (dropped *connection)) {
	t.mu.Lock()
	var refused, replaced []*connection
	if dropped := how(); dropped != nil {
		refused = append(refused, dropped)
	}
	now := time.Now()
	refused = append(refused, t.waiting.expire(now.Add(-t.patience))...)
	for {
		next, victim := t.next(now)
		if next == nil {
			break
		}
		if victim != nil {
			t.remove(victim)
			replaced = append(replaced, victim)
		}
		t.put(next, now)
	}
	t.lookAgain()
	t.mu.Unlock()
	discardAll(refused, closedRefused)
	discardAll(replaced, closedForAnother)
}

// lookAgain sees to it that those that wait get the places of those that go on saying nothing. t.mu is held.
func (t *connections) lookAgain() {
	if t.looking || t.waiting.total == 0 {
		return
	}
	t.looking = true
	time.AfterFunc(max(t.silence/8, time.Millisecond), func() {
		t.change(func() *connection {
			t.looking = false
			return nil
		})
	})
}

// next is the connection that gets a place now, and the one that loses its own for that; nil when nobody waits for whom
// there is a place. t.mu is held.
func (t *connections) next(now time.Time) (next, victim *connection) {
	next = t.waiting.pop(now.Add(-t.late), func(source string) bool {
		var room bool
		victim, room = t.room(source, now)
		return room
	})
	return next, victim
}

// room reports whether there is a place for a source, and who has to go for it.
func (t *connections) room(source string, now time.Time) (victim *connection, ok bool) {
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
	if victim == nil || now.Sub(victim.since) < t.silence {
		return nil, false
	}
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

// put gives a connection a place. t.mu is held.
func (t *connections) put(c *connection, now time.Time) {
	c.since = now
	if t.open[c.source] == nil {
		t.open[c.source] = map[*connection]struct{}{}
	}
	t.open[c.source][c] = struct{}{}
	t.total++
	openConnections.Set(float64(t.total))
	t.ready = append(t.ready, c)
	select {
	case t.news <- struct{}{}:
	default: // whoever is told takes all there are
	}
}

// take returns a connection that has got a place and is to be served; nil when there is none.
func (t *connections) take() *connection {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.ready) > 0 {
		c := t.ready[0]
		t.ready = t.ready[1:]
		if !c.closed {
			return c
		}
	}
	return nil
}

// sendAway closes all that wait, and those that nobody serves yet.
func (t *connections) sendAway() {
	t.mu.Lock()
	lost := append(t.waiting.expire(time.Now().Add(time.Hour)), t.ready...)
	t.ready = nil
	for _, c := range lost {
		t.remove(c)
	}
	t.mu.Unlock()
	discardAll(lost, closedRefused)
}

func (t *connections) remove(c *connection) {
	if c.closed {
		return
	}
	c.closed = true
	if _, placed := t.open[c.source][c]; !placed {
		return
	}
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
	c.table.change(func() *connection {
		c.table.remove(c)
		return nil
	})
	return c.Conn.Close()
}

func discardAll(lost []*connection, reason string) {
	for _, c := range lost {
		closedConnections.WithLabelValues(reason).Inc()
		discard(c.Conn)
	}
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
