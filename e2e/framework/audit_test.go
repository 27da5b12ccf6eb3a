// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPodWrites(t *testing.T) {
	line := func(verb, uri, user, ref, code string) string {
		return `{"stage":"ResponseComplete","verb":"` + verb + `","requestURI":"` + uri + `","user":{"username":"` + user +
			`"},"objectRef":{` + ref + `},"responseStatus":{"code":` + code + `}}` + "\n"
	}
	const (
		ours = "system:serviceaccount:windlass-system:operator"
		pod  = `"resource":"pods","namespace":"shop","name":"web-0","apiVersion":"v1"`
	)
	log := line("patch", "/api/v1/namespaces/shop/pods/web-0", ours, pod, "200") +
		line("patch", "/api/v1/namespaces/shop/pods/web-0/status", ours, pod+`,"subresource":"status"`, "200") +
		line("patch", "/api/v1/namespaces/shop/pods/web-0?dryRun=All", ours, pod, "200") +
		line("patch", "/api/v1/namespaces/shop/pods/web-0", ours, pod, "422") +
		line("patch", "/api/v1/namespaces/shop/pods/web-0", "system:serviceaccount:other:x", pod, "200") +
		line("patch", "/api/v1/namespaces/else/pods/web-0", ours, `"resource":"pods","namespace":"else","name":"web-0"`, "200") +
		line("create", "/api/v1/namespaces/shop/events", ours, `"resource":"events","namespace":"shop"`, "201") +
		`{"stage":"Respon`

	writes, err := podWrites(strings.NewReader(log), "shop", "system:serviceaccount:windlass-system:")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range writes {
		if writes[i].Taken() {
			got = append(got, writes[i].Name+": "+writes[i].What())
		}
	}
	if diff := cmp.Diff([]string{"web-0: patch", "web-0: patch status"}, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if len(writes) != 4 || !writes[2].Tried || writes[3].Code != 422 {
		t.Errorf("%+v, want one that was tried and one that was refused besides", writes)
	}
}

// appendTo is what an API server does with its log.
func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestPodWritesSinceAMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	line := func(name string) string {
		return fmt.Sprintf(`{"stage":"ResponseComplete","verb":"patch","objectRef":{"resource":"pods","namespace":"shop","name":%q}}`+"\n", name)
	}
	appendTo(t, path, line("before"))
	mark, err := markAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, line("after"))
	if err := os.Rename(path, path+".1"); err != nil { // the log is begun anew
		t.Fatal(err)
	}
	appendTo(t, path, line("anew")+`{"stage":"Respon`)
	writes, err := mark.PodWrites("shop", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(writes) != 2 || writes[0].Name != "after" || writes[1].Name != "anew" {
		t.Errorf("%+v, want those to after and anew", writes)
	}
}

func TestAnAuditLogThatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if _, err := markAudit(path); err == nil {
		t.Error("a place was marked in a log that is not there")
	}
	appendTo(t, path, "")
	mark, err := markAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, "no JSON\n")
	if _, err := mark.PodWrites("shop", ""); err == nil {
		t.Error("a line that is no JSON was read")
	}
}
