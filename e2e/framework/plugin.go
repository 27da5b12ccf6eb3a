// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Plugin is kubectl windlass of this checkout, as a user of the cluster calls it.
type Plugin struct {
	program, kubeconfig string
}

// PluginAnswer is what a command of the plug-in led to.
type PluginAnswer struct {
	// Out and Err are what it wrote to the standard output and to the standard error.
	Out, Err string
	// Code is what it ended with.
	Code int
}

// plugin is built when it is first asked for, and once for all clusters of a program.
var plugin struct {
	sync.Once
	program string
	err     error
}

// Plugin builds kubectl windlass, unless that was done already, and calls it as the user of the kubeconfig that the
// options name.
func (c *Cluster) Plugin(ctx context.Context) (*Plugin, error) {
	plugin.Do(func() { plugin.program, plugin.err = c.buildPlugin(ctx) })
	return &Plugin{program: plugin.program, kubeconfig: c.Options.Kubeconfig}, plugin.err
}

func (c *Cluster) buildPlugin(ctx context.Context) (string, error) {
	programs, err := c.programs()
	if err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "make", "--directory", filepath.Dir(programs), "bin/kubectl-windlass")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build kubectl windlass: %w: %s", err, output)
	}
	return filepath.Join(programs, "kubectl-windlass"), nil
}

// As calls it as the user of another kubeconfig file.
func (p *Plugin) As(kubeconfig string) *Plugin {
	return &Plugin{program: p.program, kubeconfig: kubeconfig}
}

// Run runs a command line, such as "status", "-A". The answer is there whatever the program ends with; an error says that
// it could not be run.
func (p *Plugin) Run(ctx context.Context, args ...string) (PluginAnswer, error) {
	return p.Feed(ctx, "", args...)
}

// Feed runs a command line that reads from its standard input, as "lint", "-f", "-" does.
func (p *Plugin) Feed(ctx context.Context, input string, args ...string) (PluginAnswer, error) {
	// What another cluster at this address served must not be taken for what this one does.
	cache, err := os.MkdirTemp("", "kubectl-windlass")
	if err != nil {
		return PluginAnswer{}, err
	}
	defer os.RemoveAll(cache)
	var out, errOut bytes.Buffer
	command := exec.CommandContext(ctx, p.program, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+p.kubeconfig, "KUBECACHEDIR="+cache)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &errOut
	err = command.Run()
	answer := PluginAnswer{Out: out.String(), Err: errOut.String(), Code: command.ProcessState.ExitCode()}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Exited() {
		return answer, nil
	}
	if err != nil {
		return answer, fmt.Errorf("%s: %w: %s", command, err, answer.Err)
	}
	return answer, nil
}
