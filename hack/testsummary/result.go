// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// stageOrder is the order in which stages are printed.
var stageOrder = []string{"verify", "unit", "integration", "e2e"}

// Result is what one part of a stage came to.
type Result struct {
	// Stage is one of stageOrder.
	Stage string `json:"stage"`
	// Name tells the parts of a stage apart, such as one for each Go module.
	Name    string `json:"name"`
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Skipped int    `json:"skipped"`
	// Seconds is the time it took, building included.
	Seconds float64 `json:"seconds"`
	// Failures names what failed.
	Failures []string `json:"failures,omitempty"`
}

var notInFileNames = regexp.MustCompile(`[^a-zA-Z0-9]+`)

// save writes the result into the directory, over an older one of the same stage and name.
func (r Result) save(directory string) error {
	if !slices.Contains(stageOrder, r.Stage) {
		return fmt.Errorf("unknown stage %q; known are %s", r.Stage, strings.Join(stageOrder, ", "))
	}
	if r.Name == "" {
		return errors.New("-name is required")
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file := r.Stage + "-" + notInFileNames.ReplaceAllString(r.Name, "-") + ".json"
	return os.WriteFile(filepath.Join(directory, file), content, 0o644)
}

// loadResults reads every result of the directory.
func loadResults(directory string) ([]Result, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.json"))
	if err != nil {
		return nil, err
	}
	results := make([]Result, 0, len(files))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var result Result
		if err := json.Unmarshal(content, &result); err != nil {
			return nil, fmt.Errorf("%s is not a result: %w", file, err)
		}
		results = append(results, result)
	}
	return results, nil
}

// recordFailure saves a failure that happened outside of any test.
func recordFailure(opts options) error {
	return Result{Stage: opts.stage, Name: opts.name, Failed: 1, Failures: []string{opts.message}}.save(opts.results)
}
