// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// reloadInterval is how often the file of client CAs is read again.
const reloadInterval = 10 * time.Second

// Clients say who may ask for reviews: who shows a certificate of one of the CAs in a file, for one of the names, if
// there are any.
type Clients struct {
	file  string
	names []string

	mu    sync.Mutex
	read  []byte
	roots *x509.CertPool
}

// NewClients trusts the CAs of a file of PEM. names are common names or DNS names of certificates; none for every
// certificate that the CAs have signed for clients. It fails when the file holds no certificate.
func NewClients(file string, names []string) (*Clients, error) {
	c := &Clients{file: file, names: names}
	_, err := c.load()
	return c, err
}

// NeedLeaderElection is false: every replica serves.
func (c *Clients) NeedLeaderElection() bool { return false }

// Start reads the file again and again until the context ends. While it cannot be read, or holds no certificate, the
// last CAs are trusted on.
func (c *Clients) Start(ctx context.Context) error {
	ticker := time.NewTicker(reloadInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			switch changed, err := c.load(); {
			case err != nil:
				log.Error(err, "the CAs of clients cannot be read; those read before are trusted on")
			case changed:
				log.Info("the CAs of clients have changed", "file", c.file)
			}
		}
	}
}

// load reads the file, and reports whether it holds something new.
func (c *Clients) load() (changed bool, err error) {
	text, err := os.ReadFile(c.file)
	if err != nil {
		return false, fmt.Errorf("read the CAs of clients: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roots != nil && bytes.Equal(text, c.read) {
		return false, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return false, fmt.Errorf("the CAs of clients: %s holds no certificate in PEM", c.file)
	}
	c.read, c.roots = text, roots
	return true, nil
}

// check refuses a caller without a certificate that is trusted.
func (c *Clients) check(state *tls.ConnectionState, now time.Time) error {
	if state == nil || len(state.PeerCertificates) == 0 {
		return errors.New("a client certificate is demanded (webhook.clientCA), and none was shown: " +
			"let the API servers show one, by --admission-control-config-file")
	}
	shown := state.PeerCertificates[0]
	between := x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		between.AddCert(certificate)
	}
	c.mu.Lock()
	roots := c.roots
	c.mu.Unlock()
	_, err := shown.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("the client certificate of %q is not trusted (webhook.clientCA): %w", shown.Subject.CommonName, err)
	}
	if len(c.names) > 0 && !slices.Contains(c.names, shown.Subject.CommonName) && !slices.ContainsFunc(shown.DNSNames, c.named) {
		return fmt.Errorf("the client certificate of %q is trusted, but only %s may call (webhook.clientCA.allowedNames)",
			shown.Subject.CommonName, strings.Join(c.names, ", "))
	}
	return nil
}

func (c *Clients) named(name string) bool { return slices.Contains(c.names, name) }
