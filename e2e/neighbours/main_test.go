// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExitStatus(t *testing.T) {
	tests := map[string]struct {
		err  error
		want int
	}{
		"all went well":                  {err: nil, want: 0},
		"the command's own status":       {err: runCommand(t.Context(), []string{"sh", "-c", "exit 3"}), want: 3},
		"a command ended by a signal":    {err: runCommand(t.Context(), []string{"sh", "-c", "kill -KILL $$"}), want: 1},
		"a command that is not there":    {err: runCommand(t.Context(), []string{filepath.Join(t.TempDir(), "ct")}), want: exitOwn},
		"a call without a kubeconfig":    {err: run("", []string{"true"}), want: exitOwn},
		"a call without a command":       {err: run("kubeconfig", nil), want: exitOwn},
		"a kubeconfig that is not there": {err: run(filepath.Join(t.TempDir(), "kubeconfig"), []string{"true"}), want: exitOwn},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, exitStatus(tt.err)); diff != "" {
				t.Errorf("exit status (-want +got):\n%s", diff)
			}
		})
	}
}

// An interrupt must reach what the command has started: helm would go on waiting for an installation nobody wants any
// more.
func TestInterruptReachesGrandchildren(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- runCommand(ctx, []string{"sh", "-c", "sleep 600 >" + pipe + " & wait"}) }()

	// Opening waits for the grandchild, which alone writes to the pipe; reading ends when it does.
	reader, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	interrupt()
	if _, err := io.ReadAll(reader); err != nil {
		t.Errorf("read the grandchild's pipe to its end: %v", err)
	}
	if err := <-done; !errors.As(err, new(*exec.ExitError)) {
		t.Errorf("the command ended with %v, not by the interrupt", err)
	}
}
