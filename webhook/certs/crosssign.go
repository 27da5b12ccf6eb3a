// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// serialLimit is where the serial numbers of our own certificates end: at 127 bits, which every reader of certificates
// takes.
var serialLimit = new(big.Int).Lsh(big.NewInt(1), 127)

const (
	// crossSignedLife is how long a cross-signed certificate lasts. Everybody who connects gets it, and whoever holds
	// the key of the CA that it is for can use it: so it is short, and renewed for as long as it takes.
	crossSignedLife = time.Hour
	// crossSignedSkew is how far the clock of an API server may be behind.
	crossSignedSkew = time.Hour
)

// nameConstraints is the extension that limits the names a CA may sign for.
var nameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

// crossSign lets one CA certify the key of another under the other's name: who trusts the first alone then trusts what
// the other signed, if this certificate is sent along. It allows no more than the other CA's own certificate does, and
// serving alone.
func crossSign(by, whom *identity, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, serialLimit)
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		RawSubject:            whom.ca.RawSubject,
		SubjectKeyId:          whom.ca.SubjectKeyId,
		NotBefore:             latest(by.ca.NotBefore, whom.ca.NotBefore, now.Add(-crossSignedSkew)),
		NotAfter:              crossSignedEnd(by, whom, now),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            whom.ca.MaxPathLen,
		MaxPathLenZero:        whom.ca.MaxPathLenZero,
	}
	for _, extension := range whom.ca.Extensions {
		if extension.Id.Equal(nameConstraints) {
			template.ExtraExtensions = append(template.ExtraExtensions, extension)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.ca, whom.ca.PublicKey, by.caKey)
	if err != nil {
		return nil, fmt.Errorf("let the CA of provider %s vouch for that of provider %s: %w", by.provider, whom.provider, err)
	}
	return x509.ParseCertificate(der)
}

// crossSignedEnd is when a cross-signed certificate made now ends: no later than both CAs and the certificate that it
// is for.
func crossSignedEnd(by, whom *identity, now time.Time) time.Time {
	return earliest(by.ca.NotAfter, whom.ca.NotAfter, whom.pair.Leaf.NotAfter, now.Add(crossSignedLife))
}

// dueForRenewal reports whether a cross-signed certificate should be made again: less than half of its life is left,
// and a new one would last longer.
func dueForRenewal(crossSigned *x509.Certificate, by, whom *identity, now time.Time) bool {
	return crossSigned.NotAfter.Sub(now) < crossSignedLife/2 && crossSignedEnd(by, whom, now).After(crossSigned.NotAfter)
}

// canCrossSign reports whether one CA can, need and may cross-sign another: for one that is a CA, and that signed a
// certificate which is good for the host now. A Secret that somebody else filled may tell any certificate as its CA.
func canCrossSign(by, whom *identity, host string, now time.Time) bool {
	if by.caKey == nil || whom.ca == nil || by.sameCA(whom) || !whom.ca.IsCA {
		return false
	}
	roots := x509.NewCertPool()
	roots.AddCert(whom.ca)
	return verify(whom.chain, roots, host, now) == nil
}

func latest(times ...time.Time) time.Time   { return slices.MaxFunc(times, time.Time.Compare) }
func earliest(times ...time.Time) time.Time { return slices.MinFunc(times, time.Time.Compare) }
