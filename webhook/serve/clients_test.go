// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyTrustedClientsGetReviews(t *testing.T) {
	trusted, other := newCA(t), newCA(t)
	clients, err := NewClients(file(t, trusted), []string{"api-server"})
	if err != nil {
		t.Fatal(err)
	}
	p := serving(t, allow, func(o *Options) { o.Clients = clients })
	for name, test := range map[string]struct {
		shown []tls.Certificate
		want  outcome
	}{
		"none":             {nil, outcome{Code: 403, Message: "windlass: a client certificate is demanded (webhook.clientCA), and none was shown: let the API servers show one, by --admission-control-config-file"}},
		"of an API server": {[]tls.Certificate{trusted.issue(t, "api-server", x509.ExtKeyUsageClientAuth)}, outcome{Code: 200, Allowed: true}},
		"of somebody else": {[]tls.Certificate{trusted.issue(t, "kubelet", x509.ExtKeyUsageClientAuth)},
			outcome{Code: 403, Message: `windlass: the client certificate of "kubelet" is trusted, but only api-server may call (webhook.clientCA.allowedNames)`}},
		"of another CA": {[]tls.Certificate{other.issue(t, "api-server", x509.ExtKeyUsageClientAuth)},
			outcome{Code: 403, Message: `windlass: the client certificate of "api-server" is not trusted (webhook.clientCA): x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority certificate "ca")`}},
		"of a server": {[]tls.Certificate{trusted.issue(t, "api-server", x509.ExtKeyUsageServerAuth)},
			outcome{Code: 403, Message: `windlass: the client certificate of "api-server" is not trusted (webhook.clientCA): x509: certificate specifies an incompatible key usage`}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, p.ask(from("127.0.0.1", test.shown...), strings.NewReader(review(200)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("what is no review is for everybody", func(t *testing.T) {
		response, err := from("127.0.0.1").Get(p.url + "/open") //nolint:noctx // the client has a time limit
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("got status %d", response.StatusCode)
		}
	})
}

func TestCAsOfClientsAreReadAgain(t *testing.T) {
	before, after := newCA(t), newCA(t)
	path := file(t, before)
	clients, err := NewClients(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := serving(t, allow, func(o *Options) { o.Clients = clients })
	codes := func() [2]int {
		var got [2]int
		for i, a := range []*ca{before, after} {
			got[i] = p.ask(from("127.0.0.1", a.issue(t, "any", x509.ExtKeyUsageClientAuth)), strings.NewReader(review(200))).Code
		}
		return got
	}
	expect := func(what string, want [2]int) {
		t.Helper()
		if got := codes(); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	load := func(wantChange, wantErr bool) {
		t.Helper()
		if changed, err := clients.load(); changed != wantChange || (err != nil) != wantErr {
			t.Errorf("changed: %t, error: %v", changed, err)
		}
	}
	expect("at first", [2]int{200, 403})
	load(false, false)
	write(t, path, after)
	load(true, false)
	expect("after the change", [2]int{403, 200})
	if err := os.WriteFile(path, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	load(false, true)
	expect("while the file is broken", [2]int{403, 200})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	load(false, true)
	expect("while there is no file", [2]int{403, 200})
}

func TestAFileWithoutCAsIsAnError(t *testing.T) {
	if _, err := NewClients(file(t), nil); err == nil {
		t.Error("a program starts that trusts nobody")
	}
	if _, err := NewClients("/does/not/exist", nil); err == nil {
		t.Error("a program starts without the file")
	}
}
