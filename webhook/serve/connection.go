// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// The kernel keeps so many bytes for a connection that we do not read from: until it is the turn of its handshake, and
// from then on. It may take twice that, which the container is charged with; without a limit it would be more than
// 100 KiB. With less than the second, or any later, a body that comes from the same node takes seconds.
const helloBuffer, bodyBuffer = 8 << 10, 64 << 10

// answerBuffer is the same for what the peer has not taken yet: without a limit it would be up to 4 MiB.
const answerBuffer = 16 << 10

// errNoRoom ends a connection that sends more than there is room for.
var errNoRoom = errors.New("there is no room for what the connection sends")

// connection is one that is open.
type connection struct {
	net.Conn
	source string
	table  *connections
	// ctx ends when the connection is closed.
	ctx    context.Context //nolint:containedctx // it is the connection's own
	cancel context.CancelFunc

	// the rest is guarded by table.mu

	// taken is the memory that it is charged with.
	taken int64
	// since is when it began to wait, line and place where it stands for as long as it does.
	since time.Time
	line  *line
	place *list.Element
	// asked is whether its peer has asked anything that was answered.
	asked bool
	// asking is true from the header of a request to its answer. received counts bytes outside of that, since the last
	// answer.
	asking   bool
	received int64
	closed   bool
}

func newConnection(accepted net.Conn, table *connections) *connection {
	c := &connection{Conn: accepted, source: sourceOf(accepted.RemoteAddr()), table: table}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
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
		buffer(accepted, helloBuffer)
		if c := l.table.add(accepted); c != nil {
			return c, nil
		}
		closedConnections.WithLabelValues(closedRefused).Inc()
		discard(accepted)
	}
}

// buffer limits what the kernel keeps of what comes on a connection, and of what the peer does not take.
func buffer(c net.Conn, size int) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(size) // one that fails is closed already
		_ = tcp.SetWriteBuffer(answerBuffer)
	}
}

// Read reads what the peer sends. It fails where that is more than there is room for.
func (c *connection) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	if n > 0 && !c.table.change(func() ([]*connection, bool) { return c.count(n) }) {
		closedConnections.WithLabelValues(closedRefused).Inc()
		return 0, errNoRoom
	}
	return n, err
}

// Write sends to the peer. What a peer does not take in time is thrown away when the connection is closed: the kernel
// would keep it for minutes.
func (c *connection) Write(from []byte) (int, error) {
	n, err := c.Conn.Write(from)
	if tcp, ok := c.Conn.(*net.TCPConn); ok && err != nil {
		_ = tcp.SetLinger(0)
	}
	return n, err
}

// count charges for bytes of a handshake or of a header.
func (c *connection) count(n int) (victims []*connection, ok bool) {
	if c.asking {
		return nil, true
	}
	c.received += int64(n)
	if c.received <= freeBytes {
		return nil, true
	}
	return c.table.hold(c, max(c.taken, memoryFor(c.received))) // it may hold an answer
}

// expect charges for the rest of a request, and reports whether there is room for it.
func (c *connection) expect(size int64) bool {
	return c.table.change(func() ([]*connection, bool) { return c.table.hold(c, max(c.taken, memoryFor(size))) })
}

// memoryFor is about what a connection takes that has received so much since it was last answered.
func memoryFor(received int64) int64 {
	return connectionMemory + max(0, received-freeBytes)*3/2
}

// begin notes that the peer has begun to ask.
func (c *connection) begin() {
	c.update(func() {
		c.asking = true
		c.table.queue(c)
	})
}

// sign notes that the connection waits for its signature, however long that takes.
func (c *connection) sign() {
	c.update(func() { c.table.stand(c, &c.table.sources[c.source].signing) })
}

// shake notes that the peer is about to get our signature, and is waited for from then on. It reports whether there is
// room for the rest of its TLS.
func (c *connection) shake() bool {
	buffer(c.Conn, bodyBuffer)
	c.update(func() { c.table.queue(c) })
	return c.expect(0)
}

// wait notes that the peer has sent what it had to, and that its review waits at a gate.
func (c *connection) wait() {
	c.update(func() { c.table.stand(c, &c.table.sources[c.source].gated) })
}

// work notes that the review is at work.
func (c *connection) work() { c.update(func() { c.table.unqueue(c) }) }

// await notes that we wait for the peer: to take an answer of so many bytes, and to ask again. It is charged with the
// answer until then, since we do not know when it is taken. It reports whether there is room for it.
func (c *connection) await(answered bool, answer int) bool {
	c.update(func() {
		c.asking, c.received, c.asked = false, 0, c.asked || answered
		c.table.charge(c, min(0, connectionMemory-c.taken))
		c.table.queue(c)
	})
	return c.expect(int64(answer))
}

// update changes a connection that is still open.
func (c *connection) update(how func()) {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	if !c.closed {
		how()
	}
}

// Close closes the connection and makes room for another.
func (c *connection) Close() error {
	c.update(func() { c.table.remove(c) })
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

// sourceOf is the address without the port; of IPv6 its network, since whoever has one address has all of that.
func sourceOf(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return address.String()
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
}
