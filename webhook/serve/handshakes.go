// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"crypto"
	"crypto/tls"
	"io"
	"time"
)

// restFactor is how much longer than its last signature took an address rests that has too many connections: signing for
// it takes a fifth of its CPUs' time.
const restFactor = 4

// GetCertificate finds the certificate to serve, as tls.Config has it.
type GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// handshakes have signatures, which cost the most of a handshake, take turns between addresses. Of an address that has
// too many connections the newest goes first: the older ones are the next to be closed.
type handshakes struct {
	get   GetCertificate
	turns *gate
	table *connections
}

func newHandshakes(get GetCertificate, limits Limits, table *connections) *handshakes {
	turns := newGate(int64(limits.Handshakes), limits.Connections, limits.HeaderTime)
	turns.newest = table.pressed
	return &handshakes{get: get, turns: turns, table: table}
}

// certificate finds the one to serve, with a key that waits for its turn.
func (h *handshakes) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	certificate, err := h.get(hello)
	if err != nil {
		return nil, err
	}
	key, isSigner := certificate.PrivateKey.(crypto.Signer)
	c, isOurs := hello.Conn.(*connection)
	if !isSigner || !isOurs {
		return certificate, nil
	}
	limited := *certificate
	limited.PrivateKey = &patientKey{Signer: key, handshakes: h, connection: c}
	return &limited, nil
}

// patientKey signs when it is the turn of its connection's address.
type patientKey struct {
	crypto.Signer
	*handshakes
	connection *connection
}

// Sign signs a handshake.
func (k *patientKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	source := k.connection.source
	k.connection.sign()
	leave, err := k.turns.enter(k.connection.ctx, source, 1)
	if err != nil {
		return nil, err
	}
	if !k.connection.shake() {
		leave()
		return nil, errNoRoom
	}
	began := time.Now()
	signature, err := k.Signer.Sign(rand, digest, opts)
	if k.table.pressed(source) {
		k.turns.rest(source, 1, restFactor*time.Since(began))
	} else {
		leave()
	}
	return signature, err
}
