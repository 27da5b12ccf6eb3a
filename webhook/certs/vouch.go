package certs

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// serialLimit is where the serial numbers of our own certificates end: at 127
// bits, which every reader of certificates takes.
var serialLimit = new(big.Int).Lsh(big.NewInt(1), 127)

// vouch lets one CA certify the key of another under the other's name: who
// trusts the first alone then trusts what the other signed, if this certificate
// is sent along. It lasts no longer than both of them and the certificate that
// it is for.
func vouch(by, whom *identity) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, serialLimit)
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		RawSubject:            whom.ca.RawSubject,
		SubjectKeyId:          whom.ca.SubjectKeyId,
		NotBefore:             latest(by.ca.NotBefore, whom.ca.NotBefore),
		NotAfter:              earliest(by.ca.NotAfter, whom.ca.NotAfter, whom.pair.Leaf.NotAfter),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.ca, whom.ca.PublicKey, by.caKey)
	if err != nil {
		return nil, fmt.Errorf("let the CA of provider %s vouch for that of provider %s: %w", by.provider, whom.provider, err)
	}
	return x509.ParseCertificate(der)
}

// canVouch tells whether one CA can and need vouch for another.
func canVouch(by, whom *identity) bool {
	return by.caKey != nil && whom.ca != nil && !by.sameCA(whom)
}

func latest(times ...time.Time) time.Time   { return slices.MaxFunc(times, time.Time.Compare) }
func earliest(times ...time.Time) time.Time { return slices.MinFunc(times, time.Time.Compare) }
