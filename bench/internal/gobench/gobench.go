// SPDX-License-Identifier: Apache-2.0

// Package gobench runs Go benchmarks of the product's packages and reads what they say.
package gobench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Figures are those of one benchmark by unit: "ns/op", "allocs/op", "p99-ns/op".
type Figures map[string]float64

// Tests is the compiled test program of a package.
type Tests struct {
	binary, directory string
}

// Compile compiles the tests of a package, named by its path, into a directory, so that no compiler is measured.
func Compile(ctx context.Context, path, into string) (*Tests, error) {
	directory, err := command(ctx, "", "go", "list", "-f", "{{.Dir}}", path)
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(into, filepath.Base(filepath.Dir(path))+"-"+filepath.Base(path)+".test")
	if _, err := command(ctx, "", "go", "test", "-c", "-o", binary, path); err != nil {
		return nil, err
	}
	return &Tests{binary: binary, directory: strings.TrimSpace(directory)}, nil
}

// Run runs the benchmarks that a pattern names, each for about so long, and returns their figures by name, without
// "Benchmark" and the number of processors.
func (t *Tests) Run(ctx context.Context, pattern string, each time.Duration) (map[string]Figures, error) {
	out, err := command(ctx, t.directory, t.binary, "-test.run=^$", "-test.bench="+pattern, "-test.benchtime="+each.String(), "-test.benchmem")
	if err != nil {
		return nil, err
	}
	figures := parse(out)
	if len(figures) == 0 {
		return nil, fmt.Errorf("%s has no benchmark %s", t.binary, pattern)
	}
	return figures, nil
}

func command(ctx context.Context, directory, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = directory, &stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s%s", name, strings.Join(args, " "), err, tail(string(out)), tail(stderr.String()))
	}
	return string(out), nil
}

// tail is the end of what a program said, where the reason of its failure is.
func tail(text string) string {
	const most = 2000
	return text[max(0, len(text)-most):]
}

// processors is what the testing package puts behind a name.
var processors = regexp.MustCompile(`-\d+$`)

func parse(out string) map[string]Figures {
	found := map[string]Figures{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		figures := Figures{}
		for i := 2; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				figures[fields[i+1]] = value
			}
		}
		found[processors.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")] = figures
	}
	return found
}
