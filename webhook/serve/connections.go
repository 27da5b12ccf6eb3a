// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"container/list"
	"net"
	"sync"
	"time"
)

const (
	// connectionMemory is about what an open connection takes: its stack, its buffers, its TLS, and the first freeBytes
	// that its peer sends. What it sends beyond that takes half as much again.
	connectionMemory = 40 * kib
	freeBytes        = 8 * kib
	// helloMemory is the same until it is the turn of its handshake. In a burst most connections wait for that.
	helloMemory = 28 * kib
	// silence is how long an API server is waited for at most until it asks what it has connected for.
	silence = time.Second
)

// connections are those that are open. The memory that they take is limited, so that a burst of an API server has room
// for all its connections, and no more of those that send much have it. A connection for which there is no room takes
// it at once: from who has said nothing for long; else from those that wait for their peers or for a signature, of the
// address that has most of those, since API servers send their request at once and are waited for only between two
// requests; else from those at a gate, of another address. Nobody waits for room, and who is at work never gives any.
type connections struct {
	// most is how much they may take in all. One address may have all of it, until others want their part.
	most int64

	mu      sync.Mutex
	sources map[string]*source
	taken   int64
	open    int
}

// source is an address that has connections open.
type source struct {
	open int
	// lost is when one was closed to make room.
	lost time.Time
	// asked wait for their peer, which has asked something before; unasked as well, which has not. signing wait for their
	// signature, and gated for a gate to let their review in: both of these for us.
	asked, unasked, signing, gated line
}

// line holds connections that are not at work, and the memory that they take; whoever has waited the longest is first.
type line struct {
	list.List
	memory int64
}

// waiting is the memory of those that may have to go for a connection of any other address.
func (s *source) waiting() int64 { return s.asked.memory + s.unasked.memory + s.signing.memory }

// newConnections returns a table with room for so many connections that send little.
func newConnections(most int) *connections {
	return &connections{most: int64(most) * connectionMemory, sources: map[string]*source{}}
}

// add takes a connection into the table; nil when there is no room for it.
func (t *connections) add(accepted net.Conn) *connection {
	c := newConnection(accepted, t)
	entered := t.change(func() (victims []*connection, ok bool) {
		if victims, ok = t.makeRoom(c, helloMemory); ok {
			t.enter(c)
		}
		return victims, ok
	})
	if !entered {
		return nil
	}
	return c
}

// change changes the table and closes whom it was taken from.
func (t *connections) change(how func() (victims []*connection, ok bool)) bool {
	t.mu.Lock()
	victims, ok := how()
	t.mu.Unlock()
	for _, victim := range victims {
		closedConnections.WithLabelValues(closedForAnother).Inc()
		discard(victim.Conn)
	}
	return ok
}

// hold has a connection take so much memory, and reports whether there is room. t.mu is held, and the victims are still
// to be closed.
func (t *connections) hold(c *connection, memory int64) (victims []*connection, ok bool) {
	if c.closed {
		return nil, false
	}
	if victims, ok = t.makeRoom(c, memory-c.taken); ok {
		t.charge(c, memory-c.taken)
	}
	return victims, ok
}

// makeRoom removes connections from the table until there is room for more memory of one, which is open or about to be.
// It fails where there is nobody to remove, or where it would be that one's own turn.
func (t *connections) makeRoom(c *connection, more int64) (victims []*connection, ok bool) {
	for t.taken+more > t.most {
		victim := t.first(time.Now())
		if victim == nil {
			victim = t.firstGated(c.source)
		}
		if victim == nil || victim == c {
			return victims, false
		}
		t.sources[victim.source].lost = time.Now()
		t.remove(victim)
		victims = append(victims, victim)
	}
	return victims, true
}

// first is who goes before all others: who has said nothing for longer than an API server would, and else the first of
// the address that has most that wait for their peer or for a signature. An address whose connections are all at work
// has none to give, however many they are.
func (t *connections) first(now time.Time) *connection {
	var silent *connection
	greatest := &source{}
	for _, s := range t.sources {
		if c := front(&s.unasked); c != nil && now.Sub(c.since) > silence && (silent == nil || c.since.Before(silent.since)) {
			silent = c
		}
		if s.waiting() > greatest.waiting() {
			greatest = s
		}
	}
	if silent != nil {
		return silent
	}
	return greatest.first()
}

// firstGated is who goes when nobody else can: the first at a gate, of the address that has most there. An address that
// has most itself gets no more, so that a few which keep the gates busy do not fill the table.
func (t *connections) firstGated(wants string) *connection {
	most, greatest := "", &source{}
	for address, s := range t.sources {
		if s.gated.memory > greatest.gated.memory {
			most, greatest = address, s
		}
	}
	if most == wants {
		return nil
	}
	return front(&greatest.gated)
}

// first is who of the address goes before its others; nil where none may have to. Whoever waits for us goes last: that
// is a call that fails.
func (s *source) first() *connection {
	for _, l := range []*line{&s.unasked, &s.asked, &s.signing} {
		if c := front(l); c != nil {
			return c
		}
	}
	return nil
}

func front(line *line) *connection {
	if line.Len() == 0 {
		return nil
	}
	return line.Front().Value.(*connection) //nolint:forcetypeassert // it holds nothing else
}

// pressed reports whether an address has lost a connection of late.
func (t *connections) pressed(address string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sources[address]
	return s != nil && time.Since(s.lost) < silence
}

// enter opens a connection. t.mu is held, as for all that follow.
func (t *connections) enter(c *connection) {
	if t.sources[c.source] == nil {
		t.sources[c.source] = &source{}
	}
	t.sources[c.source].open++
	t.open++
	openConnections.Set(float64(t.open))
	t.charge(c, helloMemory)
	t.queue(c)
}

func (t *connections) remove(c *connection) {
	if c.closed {
		return
	}
	c.closed = true
	c.cancel()
	t.unqueue(c)
	t.charge(c, -c.taken)
	t.open--
	openConnections.Set(float64(t.open))
	s := t.sources[c.source]
	if s.open--; s.open == 0 {
		delete(t.sources, c.source)
	}
}

// charge adds to what a connection takes.
func (t *connections) charge(c *connection, more int64) {
	c.taken += more
	t.taken += more
	if c.place != nil {
		c.line.memory += more
	}
}

// queue notes that a connection waits for its peer from now on.
func (t *connections) queue(c *connection) {
	if s := t.sources[c.source]; c.asked {
		t.stand(c, &s.asked)
	} else {
		t.stand(c, &s.unasked)
	}
}

// stand puts a connection at the end of a line, and of no other.
func (t *connections) stand(c *connection, in *line) {
	t.unqueue(c)
	c.since, c.line, c.place = time.Now(), in, in.PushBack(c)
	in.memory += c.taken
}

func (t *connections) unqueue(c *connection) {
	if c.place == nil {
		return
	}
	c.line.Remove(c.place)
	c.place = nil
	c.line.memory -= c.taken
}
