// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"crypto"
	"crypto/tls"
	"io"
	"sync"
	"time"
)

// restFactor is how much longer than a signature takes an address rests that has many connections: signing for it takes
// a fifth of its CPUs' time.
const restFactor = 4

// GetCertificate finds the certificate to serve, as tls.Config has it.
type GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// handshakes have signatures, which cost the most of a handshake, take turns between addresses. Of one address the
// newest goes first: an older one may have made room for it already.
type handshakes struct {
	get   GetCertificate
	turns *gate
	table *connections
	// least is about how long a signature takes on a CPU of its own. On a busy machine one may last a hundred times as
	// long, and an API server that rests after it has nobody to answer it.
	least leastTime
}

// leastTime is the least of late: it follows a shorter time at once, and a longer one slowly.
type leastTime struct {
	mu   sync.Mutex
	time time.Duration
}

func (l *leastTime) note(took time.Duration) time.Duration {
	const grows = 16
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.time == 0 || took < l.time {
		l.time = took
	} else {
		l.time = min(took, l.time+l.time/grows+1)
	}
	return l.time
}

func newHandshakes(get GetCertificate, limits Limits, table *connections) *handshakes {
	turns := newGate(int64(limits.Handshakes), limits.Connections, limits.HeaderTime)
	turns.newest = true
	return &handshakes{get: get, turns: turns, table: table}
}

// certificate finds the one to serve, with a key that waits for its turn.
func (h *handshakes) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	certificate, err := h.get(hello)
	if err != nil {
		return nil, err
	}
	key, ok := certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return certificate, nil
	}
	limited := *certificate
	c, _ := hello.Conn.(*connection)
	limited.PrivateKey = &patientKey{
		Signer: key, handshakes: h, ctx: hello.Context(), source: sourceOf(hello.Conn.RemoteAddr()), connection: c,
	}
	return &limited, nil
}

// patientKey signs when it is the turn of its connection's address.
type patientKey struct {
	crypto.Signer
	*handshakes
	ctx    context.Context //nolint:containedctx // that of the handshake, which a Signer is not told
	source string
	// connection is the one that waits; nil in tests.
	connection *connection
}

// Sign signs a handshake. Until it does, the peer waits for us.
func (k *patientKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.connection != nil {
		k.connection.work()
		defer k.connection.await(false)
	}
	leave, err := k.turns.enter(k.ctx, k.source, 1)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	signature, err := k.Signer.Sign(rand, digest, opts)
	least := k.least.note(time.Since(began))
	if k.table.crowded(k.source) {
		k.turns.rest(k.source, 1, restFactor*least)
	} else {
		leave()
	}
	return signature, err
}
