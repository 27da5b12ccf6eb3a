// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line of the cluster program.
package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cluster/internal/lifecycle"
	"github.com/windlass-operator/windlass/cluster/internal/progress"
	"github.com/windlass-operator/windlass/cluster/internal/state"
)

// options are the flags that most commands share.
type options struct {
	name     string
	owner    string
	source   string
	embedded fs.FS
}

// New makes the command tree. The sources are the ones that the program was built with.
func New(sources fs.FS) *cobra.Command {
	o := &options{embedded: sources}
	root := &cobra.Command{
		Use:           "cluster",
		Short:         "A real Kubernetes on one machine, from Go modules",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&o.name, "name", "default", "name of the cluster")
	flags.StringVar(&o.owner, "owner", "", "who asks; only its owner changes a living cluster (default: the checkout's directory)")
	flags.StringVar(&o.source, "source", "", "the cluster directory to build from (default: that of the checkout around the working directory)")
	root.AddCommand(buildCommand(o), binDirCommand(o), doctorCommand(), packagesCommand(), upCommand(o), downCommand(o),
		envCommand(o), statusCommand(o), addKwokNodesCommand(o), nodeCommand(o), imageCommand(),
		boxCommand(), nodeInitCommand(), probeCommand())
	return root
}

// manager for the cluster that the flags name; it tells its steps on standard error.
func (o *options) manager() (*lifecycle.Manager, error) {
	store, err := state.NewStore()
	if err != nil {
		return nil, err
	}
	directory, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	checkout := checkoutAround(directory)
	m := &lifecycle.Manager{
		Store: store, Name: o.name, Owner: o.owner, Embedded: o.embedded, SourceDir: o.source, Log: progress.New(os.Stderr),
	}
	if m.Owner == "" {
		m.Owner = checkout
	}
	if m.SourceDir == "" {
		m.SourceDir = filepath.Join(checkout, "cluster")
	}
	return m, state.CheckName(o.name)
}

// checkoutAround is the nearest directory upwards that holds .git, or the directory itself.
func checkoutAround(directory string) string {
	for d := directory; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, ".git")); err == nil {
			return d
		}
		if d == filepath.Dir(d) {
			return directory
		}
	}
}

// action adapts a function on the manager to a command.
func (o *options) action(run func(cmd *cobra.Command, args []string, m *lifecycle.Manager) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		m, err := o.manager()
		if err != nil {
			return err
		}
		return run(cmd, args, m)
	}
}

func nodeArgument(args []string) (string, error) {
	if len(args) != 1 {
		return "", fmt.Errorf("want one real node's name, such as node1; got %d arguments", len(args))
	}
	return args[0], nil
}
