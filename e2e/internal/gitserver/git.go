// SPDX-License-Identifier: Apache-2.0

package gitserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// settings make git heed nothing that the user or the machine configured, and name who commits.
func settings() []string {
	return []string{
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Windlass", "GIT_AUTHOR_EMAIL=e2e@windlass.invalid",
		"GIT_COMMITTER_NAME=Windlass", "GIT_COMMITTER_EMAIL=e2e@windlass.invalid",
	}
}

// git runs a command of git in a directory and returns what it printed.
func git(ctx context.Context, directory string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = directory
	command.Env = append(settings(), "PATH="+os.Getenv("PATH"))
	var out, complaint bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaint
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}
