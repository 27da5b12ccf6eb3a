// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const greenResult = `echo '{"stage":"e2e","name":"suites","passed":3,"failed":0,"skipped":0,"seconds":1}' >"$WINDLASS_TEST_RESULTS/e2e-suites.json"
`

// test.sh is run on a script in the place of e2e.sh.
func TestTheEndOfTheEndToEndScriptCounts(t *testing.T) {
	root := t.TempDir()
	script, err := os.ReadFile("../test.sh")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "hack", "test.sh"), string(script))
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(root, "bin", "testsummary"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for name, test := range map[string]struct {
		e2e    string
		passes bool
		want   string
	}{
		"a script that ends well":       {greenResult, true, "3 passed, 0 failed, 0 skipped"},
		"one that dies after some runs": {greenResult + "exit 3", false, "FAILED e2e: hack/e2e.sh ended with status 3 before its tests were done"},
		"one that dies at once":         {"exit 3", false, "FAILED e2e: hack/e2e.sh ended with status 3 before its tests were done"},
		"a failure is not counted twice": {`bin/testsummary note -results "$WINDLASS_TEST_RESULTS" -stage e2e -name suites -message "a spec"
exit 1`, false, "0 passed, 1 failed, 0 skipped"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(root, "hack", "e2e.sh"), "#!/usr/bin/env bash\n"+test.e2e+"\n")
			command := exec.CommandContext(t.Context(), filepath.Join(root, "hack", "test.sh"), "e2e")
			command.Env = append(os.Environ(), "WINDLASS_TEST_RESULTS="+t.TempDir())
			output, err := command.CombinedOutput()
			if (err == nil) != test.passes || !strings.Contains(string(output), test.want) {
				t.Errorf("%v; want to pass: %t, and in the output %q:\n%s", err, test.passes, test.want, output)
			}
		})
	}
}

// write makes an executable file.
func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
