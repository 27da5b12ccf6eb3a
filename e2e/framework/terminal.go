// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Terminal is a real one, in which a program runs and whose screen can be read.
type Terminal struct{ socket, directory string }

// Watch runs a command line of the plug-in in a terminal of its own, of 200 columns and 40 lines, until Close.
func (p *Plugin) Watch(ctx context.Context, args ...string) (*Terminal, error) {
	directory, err := os.MkdirTemp("", "terminal")
	if err != nil {
		return nil, err
	}
	t := &Terminal{socket: filepath.Join(directory, "socket"), directory: directory}
	line := append([]string{"new-session", "-d", "-x", "200", "-y", "40", "env",
		"KUBECONFIG=" + p.kubeconfig, "KUBECACHEDIR=" + filepath.Join(directory, "cache"), p.program}, args...)
	if _, err := t.tmux(ctx, line...); err != nil {
		return nil, err
	}
	return t, nil
}

// Screen is what stands on it now, a line each, without colours.
func (t *Terminal) Screen(ctx context.Context) (string, error) {
	return t.tmux(ctx, "capture-pane", "-p")
}

// Press presses a key, such as C-c.
func (t *Terminal) Press(ctx context.Context, key string) error {
	_, err := t.tmux(ctx, "send-keys", key)
	return err
}

// Ended reports whether the program has ended, and its terminal with it.
func (t *Terminal) Ended(ctx context.Context) bool {
	_, err := t.tmux(ctx, "has-session")
	return err != nil
}

// Close ends it, if it has not ended yet.
func (t *Terminal) Close(ctx context.Context) error {
	if !t.Ended(ctx) {
		if _, err := t.tmux(ctx, "kill-server"); err != nil {
			return err
		}
	}
	return os.RemoveAll(t.directory)
}

// tmux keeps to a server of our own, and to no configuration.
func (t *Terminal) tmux(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "tmux", append([]string{"-S", t.socket, "-f", "/dev/null"}, args...)...)
	command.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tmux %s: %w: %s", args[0], err, output)
	}
	return string(output), nil
}
