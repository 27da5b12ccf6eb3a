// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"net"
	"sync"
)

// listener accepts all connections at once, and hands out those that have got a place in the table.
type listener struct {
	net.Listener
	table *connections
	// failed are errors of accepting.
	failed chan error
	// closed is closed when nobody listens any more.
	closed chan struct{}
	once   sync.Once
}

func newListener(from net.Listener, table *connections) *listener {
	l := &listener{Listener: from, table: table, failed: make(chan error), closed: make(chan struct{})}
	go l.accept()
	return l
}

// accept takes connections in until it fails for good. After an error it waits for whoever is told of it.
func (l *listener) accept() {
	for {
		accepted, err := l.Listener.Accept()
		if err == nil {
			l.table.add(accepted)
			continue
		}
		select {
		case l.failed <- err:
		case <-l.closed:
			return
		}
	}
}

// Accept returns the next connection with a place.
func (l *listener) Accept() (net.Conn, error) {
	for {
		if c := l.table.take(); c != nil {
			return c, nil
		}
		select {
		case <-l.table.news:
		case err := <-l.failed:
			return nil, err
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
}

// Close ends accepting. Those that wait are sent away, and reach another replica.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.once.Do(func() {
		close(l.closed)
		l.table.sendAway()
	})
	return err
}
