// SPDX-License-Identifier: Apache-2.0

// Command reference prints the page of labels and annotations, made from the constants of the API and their comments.
//
//	go run ./hack/reference api/v1beta1 > docs/reference/keys.md
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: reference DIRECTORY-OF-THE-API")
	}
	files, err := filepath.Glob(filepath.Join(args[0], "keys_*.go"))
	if err != nil {
		return err
	}
	var groups []group
	for _, file := range files {
		source, err := os.ReadFile(file) //nolint:gosec // a directory of the checkout, which who generates names
		if err != nil {
			return err
		}
		found, err := groupsOf(file, source)
		if err != nil {
			return err
		}
		groups = append(groups, found...)
	}
	if len(groups) == 0 {
		return fmt.Errorf("%s has no keys_*.go with constants of strings", args[0])
	}
	_, err = os.Stdout.WriteString(page(groups))
	return err
}
