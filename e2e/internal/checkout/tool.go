// SPDX-License-Identifier: Apache-2.0

package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Tool is the file of a tool that is pinned in tools/. The first time it is asked for anywhere it is built, which may
// take minutes.
func Tool(ctx context.Context, name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	out, err := run(ctx, root, filepath.Join("hack", "tool.sh"), name)
	if err != nil {
		return "", fmt.Errorf("get tool %s: %w", name, err)
	}
	return strings.TrimSpace(out), nil
}

// ModuleFile is a file or directory of a module, of the version that a module below tools/ requires, in the module
// cache.
func ModuleFile(ctx context.Context, tools, module, path string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	out, err := run(ctx, filepath.Join(root, "tools", tools), "go", "mod", "download", "-json", module)
	if err != nil {
		return "", fmt.Errorf("get module %s: %w", module, err)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &downloaded); err != nil {
		return "", fmt.Errorf("get module %s: %w", module, err)
	}
	return filepath.Join(downloaded.Dir, filepath.FromSlash(path)), nil
}

// run runs a program of the checkout and returns what it printed.
func run(ctx context.Context, directory, program string, args ...string) (string, error) {
	if strings.ContainsRune(program, filepath.Separator) {
		program = filepath.Join(directory, program)
	}
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = directory
	out, err := command.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(failed.Stderr)))
	}
	return string(out), err
}
