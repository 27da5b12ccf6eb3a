package serve

import (
	"context"
	"crypto"
	"crypto/tls"
	"io"
)

// GetCertificate finds the certificate to serve, as tls.Config has it.
type GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// takeTurns has the signatures of handshakes, which cost the most of them, take
// turns between addresses.
func takeTurns(get GetCertificate, turns *gate) GetCertificate {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		certificate, err := get(hello)
		if err != nil {
			return nil, err
		}
		key, ok := certificate.PrivateKey.(crypto.Signer)
		if !ok {
			return certificate, nil
		}
		limited := *certificate
		limited.PrivateKey = &patientKey{Signer: key, turns: turns, ctx: hello.Context(), source: sourceOf(hello.Conn.RemoteAddr())}
		return &limited, nil
	}
}

// patientKey signs when it is the turn of its connection's address.
type patientKey struct {
	crypto.Signer
	turns  *gate
	ctx    context.Context //nolint:containedctx // that of the handshake, which a Signer is not told
	source string
}

// Sign signs a handshake.
func (k *patientKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	leave, err := k.turns.enter(k.ctx, k.source, 1)
	if err != nil {
		return nil, err
	}
	defer leave()
	return k.Signer.Sign(rand, digest, opts)
}
