// SPDX-License-Identifier: Apache-2.0

// Package checkout gives suites what is in this checkout: the tools it pins, and a git repository made from
// its chart and its examples.
package checkout

import (
	"fmt"
	"os"
	"path/filepath"
)

// Root is the root directory of this checkout, found around the working directory.
func Root() (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("look for the checkout: %w", err)
	}
	for d := directory; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "hack", "tool.sh")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no hack/tool.sh in %s or above it: run this inside the checkout", directory)
		}
	}
}
