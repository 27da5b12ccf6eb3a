// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a script is told by its exit code is an answer, and no error of the suite.
func TestAnswersOfThePlugin(t *testing.T) {
	program := filepath.Join(t.TempDir(), "kubectl-windlass")
	text := "#!/bin/sh\ncat\necho \"$1 of $KUBECONFIG\"\necho warning >&2\nexit \"$2\"\n"
	if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	p := (&Plugin{program: program, kubeconfig: "admin.conf"}).As("user.conf")
	got, err := p.Feed(t.Context(), "fed ", "status", "2")
	if diff := cmp.Diff(PluginAnswer{Out: "fed status of user.conf\n", Err: "warning\n", Code: 2}, got); diff != "" || err != nil {
		t.Errorf("error %v, answer (-want +got):\n%s", err, diff)
	}
	if _, err := (&Plugin{program: program + ".gone"}).Run(t.Context(), "status"); err == nil {
		t.Error("a program that is not there could be run")
	}
}
