// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CertManager plays the part of cert-manager for the whole cluster: its controllers cannot be had as a Go module, its
// API and its code for certificates can. It issues what Certificates ask for and puts CAs into webhook configurations,
// the two independently of each other, as cert-manager's programs do.
type CertManager struct {
	cluster *Cluster

	mu sync.Mutex
	// refusal is why nothing is issued; "" when something is.
	refusal string
	// last is what went wrong last, for the report of a failure.
	last error
}

// InstallCertManagerDefinitions installs cert-manager's CustomResourceDefinitions, of the version whose Go module the
// tests are built with. It returns their names.
func (c *Cluster) InstallCertManagerDefinitions(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		return nil, fmt.Errorf("find cert-manager's module, whose CustomResourceDefinitions are wanted: %w", err)
	}
	return c.InstallDefinitions(ctx, filepath.Join(strings.TrimSpace(string(out)), "deploy", "crds"))
}

// PlayCertManager works until the context ends.
func (c *Cluster) PlayCertManager(ctx context.Context) *CertManager {
	m := &CertManager{cluster: c}
	go m.repeat(ctx, m.issueAll)
	go m.repeat(ctx, m.injectAll)
	return m
}

// Refuse makes every Certificate that asks from now on wait, with this reason. "" ends that.
func (m *CertManager) Refuse(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusal = reason
}

// Err is what went wrong last; nil when nothing did since the last thing that went well.
func (m *CertManager) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

func (m *CertManager) refused() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refusal
}

func (m *CertManager) repeat(ctx context.Context, work func(context.Context) error) {
	for ctx.Err() == nil {
		err := work(ctx)
		if ctx.Err() != nil {
			return
		}
		m.mu.Lock()
		m.last = err
		m.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(pollInterval):
		}
	}
}

// issueAll looks at every Certificate, CAs first: other certificates are signed by them.
func (m *CertManager) issueAll(ctx context.Context) error {
	list := &cmapi.CertificateList{}
	if err := m.cluster.Client.List(ctx, list); err != nil {
		return fmt.Errorf("list Certificates: %w", err)
	}
	for _, ca := range []bool{true, false} {
		for i := range list.Items {
			if list.Items[i].Spec.IsCA != ca {
				continue
			}
			if err := m.serve(ctx, &list.Items[i]); err != nil {
				return fmt.Errorf("Certificate %s: %w", client.ObjectKeyFromObject(&list.Items[i]), err)
			}
		}
	}
	return nil
}
