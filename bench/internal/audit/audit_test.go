// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func line(user, namespace, verb, subresource, uri string, code int) string {
	return fmt.Sprintf(`{"stage":"ResponseComplete","verb":%q,"requestURI":%q,"user":{"username":%q},`+
		`"objectRef":{"resource":"pods","namespace":%q,"subresource":%q},"responseStatus":{"code":%d}}`+"\n",
		verb, uri, user, namespace, subresource, code)
}

func write(t *testing.T, path, text string) {
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

func TestWritesSinceAMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	const us, uri = "system:serviceaccount:w:operator", "/api/v1/namespaces/n/pods/p"
	write(t, path, line(us, "n", "patch", "", uri, 200))
	mark, err := Here(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, line(us, "n", "patch", "", uri, 200)+line(us, "n", "patch", "status", uri, 200)+line(us, "n", "patch", "status", uri, 200)+
		line(us, "n", "patch", "", uri, 409)+line(us, "n", "patch", "status", uri, 422)+line(us, "n", "create", "", uri, 403)+
		line(us, "another", "patch", "", uri, 200)+line("system:serviceaccount:x:somebody", "n", "patch", "", uri, 200)+
		line(us, "n", "patch", "", uri+"?dryRun=All", 200))
	// The log is begun anew meanwhile.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, path, line(us, "n", "patch", "", uri, 201)+`{"stage":"Response`)
	got, err := mark.Since("n", "system:serviceaccount:w:")
	if err != nil {
		t.Fatal(err)
	}
	want := Writes{Taken: map[string]int{"patch": 2, "patch status": 2}, Refused: map[int]int{409: 1, 422: 1, 403: 1}, Tried: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if got.Total() != 4 || got.Conflicts() != 2 {
		t.Errorf("%d in all and %d conflicts, want 4 and 2", got.Total(), got.Conflicts())
	}
}

func TestALogThatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if _, err := Here(path); err == nil {
		t.Error("a place was marked in a log that is not there")
	}
	write(t, path, "")
	mark, err := Here(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "no JSON\n")
	if _, err := mark.Since("n", ""); err == nil {
		t.Error("a line that is no JSON was read")
	}
}
