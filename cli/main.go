// SPDX-License-Identifier: Apache-2.0

// Command kubectl-windlass is the plug-in kubectl windlass. Under the name kubectl_complete-windlass it answers what kubectl
// asks for to complete its command lines.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/windlass-operator/windlass/cli/internal/command"
)

// completion is how the program is called by kubectl to complete a command line.
const completion = "kubectl_complete-"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := command.Run(ctx, command.Env{
		IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Now:       time.Now,
		Connect:   command.Connect,
		Watch:     command.Watch,
		Open:      command.Open,
		Inspect:   command.Inspect,
		CanResize: command.CanResize,
	}, arguments(os.Args))
	stop()
	os.Exit(code)
}

// arguments are those of the command line.
func arguments(line []string) []string {
	if strings.HasPrefix(filepath.Base(line[0]), completion) {
		return append([]string{cobra.ShellCompRequestCmd}, line[1:]...)
	}
	return line[1:]
}
