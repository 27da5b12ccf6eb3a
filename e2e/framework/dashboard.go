// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Dashboard is kubectl windlass dashboard while it runs.
type Dashboard struct {
	// URL is the one that it has printed.
	URL     string
	command *exec.Cmd
	errOut  *bytes.Buffer
	cache   string
}

// Dashboard starts kubectl windlass dashboard, with flags. It runs until Stop, or until the context is done.
func (p *Plugin) Dashboard(ctx context.Context, flags ...string) (*Dashboard, error) {
	cache, err := os.MkdirTemp("", "kubectl-windlass")
	if err != nil {
		return nil, err
	}
	d := &Dashboard{errOut: &bytes.Buffer{}, cache: cache}
	d.command = exec.CommandContext(ctx, p.program, append([]string{"dashboard"}, flags...)...)
	d.command.Env = append(os.Environ(), "KUBECONFIG="+p.kubeconfig, "KUBECACHEDIR="+cache)
	d.command.Stderr = d.errOut
	out, err := d.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%s has printed no URL: %w", d.command, errors.Join(err, d.Stop()))
	}
	d.URL = strings.TrimSpace(line)
	return d, nil
}

// Stop presses ctrl-C, and returns an error unless the program ends as it should.
func (d *Dashboard) Stop() error {
	defer os.RemoveAll(d.cache)
	if err := d.command.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	if err := d.command.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", d.command, err, d.errOut)
	}
	return nil
}
