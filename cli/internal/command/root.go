// SPDX-License-Identifier: Apache-2.0

// Package command is the command line of the plug-in, a file for each command. A command reads the cluster (package
// read), has an answer made of it (package view) and prints that (package show).
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/cli/internal/dashboard"
	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/show"
	"github.com/windlass-operator/windlass/cli/internal/term"
)

// What the program ends with.
const (
	// codeFine: done, or nothing is wrong.
	codeFine = 0
	// codeWrong: it could not be done or found out, or something is wrong that was asked for with --exit-code.
	codeWrong = 1
	// codeUsage: the command line makes no sense.
	codeUsage = 2
)

// Env is what commands have from outside.
type Env struct {
	genericiooptions.IOStreams
	// Now is the time.
	Now func() time.Time
	// Connect makes a client for the cluster that the flags name.
	Connect func(flags *genericclioptions.ConfigFlags, warnings io.Writer) (client.Client, error)
	// Watch watches that cluster until the context is done: what may not be watched everywhere, in the namespace.
	Watch func(ctx context.Context, flags *genericclioptions.ConfigFlags, namespace string) (dashboard.Source, error)
	// Open opens a file in a browser.
	Open func(path string) error
	// Inspect makes what looks at it for `check`.
	Inspect func(flags *genericclioptions.ConfigFlags) (*read.Inspector, error)
	// CanResize reports whether that cluster's API server can resize running Pods.
	CanResize func(ctx context.Context, flags *genericclioptions.ConfigFlags) (bool, error)
}

// usageError is about a command line that makes no sense.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// asUsage makes an error one about the command line.
func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// codeError ends the program with a code; everything has been said.
type codeError int

func (c codeError) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// cli is what all commands share.
type cli struct {
	Env
	flags *genericclioptions.ConfigFlags
	// warned are the warnings that were given.
	warned map[string]bool
}

// New makes the command tree.
func New(env Env) *cobra.Command {
	c := &cli{Env: env, flags: genericclioptions.NewConfigFlags(true), warned: map[string]bool{}}
	root := &cobra.Command{
		Use:   "kubectl-windlass",
		Short: "How rollouts of Windlass stand, what blocks them, and what to do",
		Long: "kubectl windlass answers what people ask of SidecarSets, StatefulSets of apps.kruise.io (asts) and SchedPatches: how far it is, " +
			"what blocks, why a Pod has no sidecar. It pauses, resumes and undoes.\n\n" +
			"Exit codes: 0 fine; 1 it could not be done or found out, or something is wrong and --exit-code was given; " +
			"2 the command line makes no sense.",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl windlass"},
		SilenceUsage:  true,
		SilenceErrors: true,
		// How many letters may be wrong for another command to be meant.
		SuggestionsMinimumDistance: 2,
		Args:                       known,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.ErrOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return asUsage(err) })
	c.flags.AddFlags(root.PersistentFlags())
	_ = root.RegisterFlagCompletionFunc("namespace", c.completeNamespaces)
	_ = root.RegisterFlagCompletionFunc("context", completeContexts(c.flags))
	root.AddCommand(c.statusCommand(), c.treeCommand(), c.whyCommand(), c.versionsCommand(), c.exclusionsCommand(),
		c.historyCommand(), c.pauseCommand(), c.resumeCommand(), c.restartCommand(),
		c.setCommand(), c.undoCommand(), c.previewCommand(), c.dashboardCommand(), c.injectCommand(), c.lintCommand(),
		c.checkCommand(), c.versionCommand())
	return root
}

// known refuses a command that there is not.
func known(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := cmd.SuggestionsFor(args[0])
	if len(near) > 0 {
		return usage("there is no command %q; is %s meant?", args[0], strings.Join(near, " or "))
	}
	return usage("there is no command %q; kubectl windlass --help lists them", args[0])
}

// Run runs a command line and returns the exit code.
func Run(ctx context.Context, env Env, args []string) int {
	root := New(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code codeError
	switch {
	case err == nil:
		return codeFine
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usageError{}):
		fmt.Fprintf(env.ErrOut, "error: %v\n", err)
		return codeUsage
	}
	fmt.Fprintf(env.ErrOut, "error: %v\n", err)
	return codeWrong
}

// cluster connects. Commands with -A say whether it was given.
func (c *cli) cluster(all bool) (*read.Cluster, error) {
	connected, err := c.Connect(c.flags, c.ErrOut)
	if err != nil {
		return nil, err
	}
	namespace, _, err := c.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	return &read.Cluster{Client: connected, Scope: read.Scope{Namespace: namespace, All: all}}, nil
}

// printer prints to the command's output.
func (c *cli) printer() *show.Printer {
	return &show.Printer{Out: c.Out, Palette: term.PaletteFor(c.Out), Now: c.Now()}
}

// warn tells of what does not keep a command from its answer, each once.
func (c *cli) warn(errs ...error) {
	for _, err := range errs {
		if text := err.Error(); !c.warned[text] {
			c.warned[text] = true
			fmt.Fprintf(c.ErrOut, "warning: %s\n", text)
		}
	}
}

func (c *cli) say(format string, args ...any) { fmt.Fprintf(c.Out, format+"\n", args...) }
