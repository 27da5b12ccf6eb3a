// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/x509"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func TestIssuedCertificatesAreTrustedForTheirNames(t *testing.T) {
	ca, err := NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Issue("server", nil, "10.0.0.1", "kubernetes.default.svc")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	tests := map[string]struct {
		name   string
		wantOK bool
	}{
		"an address it was issued for":     {name: "10.0.0.1", wantOK: true},
		"a name it was issued for":         {name: "kubernetes.default.svc", wantOK: true},
		"an address it was not issued for": {name: "10.0.0.2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := pair.cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: test.name})
			if diff := cmp.Diff(test.wantOK, err == nil); diff != "" {
				t.Errorf("trusted (-want +got), error %v:\n%s", err, diff)
			}
		})
	}
}

func TestKubeconfig(t *testing.T) {
	ca, err := NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	client, err := ca.Issue("me", []string{"system:masters"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := Kubeconfig("windlass-a", "https://127.0.0.1:1234", ca, "me", client)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := yaml.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString
	want := map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "windlass-a",
		"clusters": []any{map[string]any{"name": "windlass-a", "cluster": map[string]any{
			"server": "https://127.0.0.1:1234", "certificate-authority-data": text(ca.CertPEM)}}},
		"users": []any{map[string]any{"name": "me", "user": map[string]any{
			"client-certificate-data": text(client.CertPEM), "client-key-data": text(client.KeyPEM)}}},
		"contexts": []any{map[string]any{"name": "windlass-a", "context": map[string]any{"cluster": "windlass-a", "user": "me"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kubeconfig (-want +got):\n%s", diff)
	}
}

func TestHostSideFilesNameTheLoopbackOnly(t *testing.T) {
	dir := t.TempDir()
	host := filepath.Join(dir, "kubeconfig")
	err := Write(Plan{Dir: filepath.Join(dir, "pki"), Cluster: "a", HostServer: "https://127.0.0.1:1234", HostKubeconfig: host, Nodes: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		host: "https://127.0.0.1:1234",
		filepath.Join(dir, "pki/node2.kubeconfig"): "https://10.77.0.1:6443",
		filepath.Join(dir, "pki/kwok.kubeconfig"):  "https://10.77.0.1:6443",
	}
	got := map[string]string{}
	for path := range want {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Clusters []struct{ Cluster struct{ Server string } }
		}
		if err := yaml.Unmarshal(data, &config); err != nil {
			t.Fatal(err)
		}
		got[path] = config.Clusters[0].Cluster.Server
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
}
