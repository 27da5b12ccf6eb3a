// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObjectPath(t *testing.T) {
	tests := map[string]struct {
		document  string
		want      string
		wantError bool
	}{
		"in a namespace": {document: "kind: Service\nmetadata: {name: dns, namespace: kube-system}",
			want: "/api/v1/namespaces/kube-system/services/dns"},
		"of the cluster, with a colon": {document: "kind: ClusterRole\nmetadata: {name: system:coredns}",
			want: "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:coredns"},
		"an unknown kind is refused":        {document: "kind: Pod\nmetadata: {name: p}", wantError: true},
		"an object without name is refused": {document: "kind: Service", wantError: true},
		"no YAML is refused":                {document: "{", wantError: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := objectPath([]byte(test.document))
			if diff := cmp.Diff(test.want, got); diff != "" || (err != nil) != test.wantError {
				t.Errorf("error %v, path (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestNewNames(t *testing.T) {
	tests := map[string]struct {
		existing []string
		want     []string
	}{
		"the first ones":            {want: []string{"kwok-1", "kwok-2"}},
		"numbers go on":             {existing: []string{"kwok-1", "kwok-7"}, want: []string{"kwok-8", "kwok-9"}},
		"other names do not matter": {existing: []string{"node1", "kwok-x", "bad-kwok-5"}, want: []string{"kwok-1", "kwok-2"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, newNames(test.existing, "kwok", 2)); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

// answer serves one canned answer and records the requests.
func answer(t *testing.T, code int, body string) (*Client, *[]string) {
	t.Helper()
	var requests []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		requests = append(requests, r.Method+" "+r.URL.String()+" "+r.Header.Get("Content-Type")+" "+string(data))
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return &Client{server: server.URL, http: server.Client()}, &requests
}

func TestNodeReady(t *testing.T) {
	tests := map[string]struct {
		code      int
		body      string
		want      bool
		wantError bool
	}{
		"Ready":                     {code: 200, body: `{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`, want: true},
		"not Ready":                 {code: 200, body: `{"status":{"conditions":[{"type":"Ready","status":"Unknown"}]}}`},
		"without conditions yet":    {code: 200, body: `{}`},
		"not there yet is no error": {code: 404, body: `{"message":"nodes \"node1\" not found"}`},
		"a refusal is an error":     {code: 403, body: `{"message":"forbidden"}`, wantError: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, _ := answer(t, test.code, test.body)
			got, err := client.NodeReady(context.Background(), "node1")
			if got != test.want || (err != nil) != test.wantError {
				t.Errorf("got %t, %v; want %t, error: %t", got, err, test.want, test.wantError)
			}
		})
	}
}

func TestApplySendsEveryDocument(t *testing.T) {
	client, requests := answer(t, 200, `{}`)
	manifest := "kind: Namespace\nmetadata: {name: a}\n---\nkind: ConfigMap\nmetadata: {name: b, namespace: a}\n"
	if err := client.Apply(context.Background(), []byte(manifest)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"PATCH /api/v1/namespaces/a?force=true&fieldManager=windlass-cluster application/apply-patch+yaml kind: Namespace\nmetadata: {name: a}",
		"PATCH /api/v1/namespaces/a/configmaps/b?force=true&fieldManager=windlass-cluster application/apply-patch+yaml kind: ConfigMap\nmetadata: {name: b, namespace: a}\n",
	}
	if diff := cmp.Diff(want, *requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestErrorsCarryTheAnswersSentence(t *testing.T) {
	client, _ := answer(t, 422, `{"kind":"Status","message":"spec is invalid"}`)
	err := client.Apply(context.Background(), []byte("kind: Namespace\nmetadata: {name: a}"))
	want := "PATCH /api/v1/namespaces/a?force=true&fieldManager=windlass-cluster: 422: spec is invalid"
	if err == nil || !IsStatus(err, 422) {
		t.Fatalf("error %v, want one with status 422", err)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}
