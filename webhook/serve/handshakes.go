// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"crypto"
	"crypto/tls"
	"io"
	"time"
)

// restFactor is how much longer than its last signature took an address rests that has many connections: signing for it
// takes a fifth of its CPUs' time.
const restFactor = 4

// GetCertificate finds the certificate to serve, as tls.Config has it.
type GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// handshakes have signatures, which cost the most of a handshake, take turns between addresses. Of one address the
// newest goes first: an older one may have made room for it already.
type handshakes struct {
	get   GetCertificate
	turns *gate
	table *connections
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
	limited.PrivateKey = &patientKey{Signer: key, handshakes: h, ctx: hello.Context(), source: sourceOf(hello.Conn.RemoteAddr())}
	return &limited, nil
}

// patientKey signs when it is the turn of its connection's address.
type patientKey struct {
	crypto.Signer
	*handshakes
	ctx    context.Context //nolint:containedctx // that of the handshake, which a Signer is not told
	source string
}

// Sign signs a handshake.
func (k *patientKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	leave, err := k.turns.enter(k.ctx, k.source, 1)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	signature, err := k.Signer.Sign(rand, digest, opts)
	if k.table.crowded(k.source) {
		k.turns.rest(k.source, 1, restFactor*time.Since(began))
	} else {
		leave()
	}
	return signature, err
}
