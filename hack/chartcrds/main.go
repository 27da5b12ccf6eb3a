// SPDX-License-Identifier: Apache-2.0

// Command chartcrds makes the CustomResourceDefinitions of this project out of what controller-gen makes out of the Go
// types:
//
//	controller-gen -> -in -> refine -> -raw (plain YAML, for tests and kubectl)
//	                                -> -chart (Helm templates)
//
// refine.go holds the few things that markers on Go types cannot say.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	in := flag.String("in", "", "folder with the definitions that controller-gen made; empty: -raw is taken as it is")
	raw := flag.String("raw", "api/crds", "folder for the plain definitions")
	chart := flag.String("chart", "charts/windlass/templates/crds", "folder for the Helm templates")
	flag.Parse()
	if err := run(*in, *raw, *chart); err != nil {
		fmt.Fprintln(os.Stderr, "chartcrds:", err)
		os.Exit(1)
	}
}

// run refines the definitions in folder in into folder raw, unless in is empty, and renders those in raw into folder
// chart.
func run(in, raw, chart string) error {
	if in != "" {
		if err := convert(in, raw, refineYAML); err != nil {
			return err
		}
	}
	return convert(raw, chart, func(definition []byte) ([]byte, error) {
		return helmTemplate(definition), nil
	})
}

// convert writes every YAML file of folder from, changed, into folder to. It is an error when there is none.
func convert(from, to string, change func([]byte) ([]byte, error)) error {
	files, err := filepath.Glob(filepath.Join(from, "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no *.yaml in %s", from)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	var failures []error
	for _, file := range files {
		if err := convertFile(file, filepath.Join(to, filepath.Base(file)), change); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", file, err))
		}
	}
	return errors.Join(failures...)
}

func convertFile(from, to string, change func([]byte) ([]byte, error)) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	changed, err := change(content)
	if err != nil {
		return err
	}
	return os.WriteFile(to, changed, 0o644)
}
