// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestPagesNameFilesThatAreThere: every path below examples/ that a command of the pages names.
func TestPagesNameFilesThatAreThere(t *testing.T) {
	named := regexp.MustCompile(`examples/[a-z/.-]*[a-z]`)
	for _, page := range []string{"examples/README.md", "docs/gitops.md"} {
		for _, path := range named.FindAllString(readFile(t, filepath.Join(repository, page)), -1) {
			if _, err := os.Stat(filepath.Join(repository, path)); err != nil {
				t.Errorf("%s names %s, which is not there", page, path)
			}
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
