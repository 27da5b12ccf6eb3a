// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"os"
	"path/filepath"
	"testing"
)

func TestInotifyInstancesAreRaisedAndNeverLowered(t *testing.T) {
	for name, test := range map[string]struct {
		content    string
		wantBefore int
		want       string
	}{
		"Linux' own limit":   {"128\n", 128, "1024\n"},
		"enough already":     {"1024\n", 0, "1024\n"},
		"more than enough":   {"8192\n", 0, "8192\n"},
		"something unlikely": {"many\n", 0, "many\n"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "max_user_instances")
			if err := os.WriteFile(file, []byte(test.content), 0o644); err != nil {
				t.Fatal(err)
			}
			before := raiseInotifyInstances(file)
			content, err := os.ReadFile(file)
			if before != test.wantBefore || string(content) != test.want || err != nil {
				t.Errorf("before: %d, now: %q, %v; want %d, %q", before, content, err, test.wantBefore, test.want)
			}
		})
	}
	if before := raiseInotifyInstances(filepath.Join(t.TempDir(), "missing")); before != 0 {
		t.Errorf("a machine without the file: %d; want 0", before)
	}
}
