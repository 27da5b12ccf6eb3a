// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cluster/internal/box"
	"github.com/windlass-operator/windlass/cluster/internal/doctor"
	"github.com/windlass-operator/windlass/cluster/internal/node"
)

// The commands below are how the program starts itself as the first process of new namespaces.

func boxCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:    "box",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := box.ReadConfig(config)
			if err != nil {
				return err
			}
			return box.Run(c)
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "file that `up` has written")
	return cmd
}

func nodeInitCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:    "node-init",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := node.ReadConfig(config)
			if err != nil {
				return err
			}
			return node.Run(c)
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "file that the box has written")
	return cmd
}

func probeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "probe DIR",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE:   func(_ *cobra.Command, args []string) error { return doctor.Probe(args[0]) },
	}
}
