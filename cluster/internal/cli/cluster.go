// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cluster/internal/kube"
	"github.com/windlass-operator/windlass/cluster/internal/lifecycle"
	"github.com/windlass-operator/windlass/cluster/internal/state"
)

func defaultStateRoot() string {
	store, err := state.NewStore()
	if err != nil {
		return "/var/tmp"
	}
	return store.DefaultStateDir("default")
}

func upCommand(o *options) *cobra.Command {
	var up lifecycle.UpOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring the cluster up; if it is up, do nothing",
		Args:  cobra.NoArgs,
		RunE: o.action(func(cmd *cobra.Command, _ []string, m *lifecycle.Manager) error {
			return m.Up(cmd.Context(), up)
		}),
	}
	cmd.Flags().IntVar(&up.Nodes, "nodes", 2, "number of real nodes; they need root")
	cmd.Flags().IntVar(&up.KwokNodes, "kwok", 0, "number of simulated nodes")
	cmd.Flags().StringVar(&up.StateDir, "state-dir", "", "directory for the cluster's files, removed by down (default: in $XDG_STATE_HOME/windlass)")
	return cmd
}

func downCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Take the cluster down and leave nothing behind but its logs",
		Args:  cobra.NoArgs,
		RunE: o.action(func(cmd *cobra.Command, _ []string, m *lifecycle.Manager) error {
			return m.Down(cmd.Context())
		}),
	}
}

func envCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print shell commands that point kubectl and the tests at the cluster",
		Args:  cobra.NoArgs,
		RunE: o.action(func(cmd *cobra.Command, _ []string, m *lifecycle.Manager) error {
			record, err := m.Find()
			if err != nil {
				return err
			}
			fmt.Fprint(cmd.OutOrStdout(), lifecycle.Environment(record))
			return nil
		}),
	}
}

func statusCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say what runs and what does not",
		Args:  cobra.NoArgs,
		RunE: o.action(func(cmd *cobra.Command, _ []string, m *lifecycle.Manager) error {
			return m.Status(cmd.Context(), cmd.OutOrStdout())
		}),
	}
}

func addKwokNodesCommand(o *options) *cobra.Command {
	var bad bool
	cmd := &cobra.Command{
		Use:   "add-kwok-nodes N",
		Short: "Add simulated nodes",
		Args:  cobra.ExactArgs(1),
		RunE: o.action(func(cmd *cobra.Command, args []string, m *lifecycle.Manager) error {
			count, err := strconv.Atoi(args[0])
			if err != nil || count < 1 {
				return fmt.Errorf("number of simulated nodes %q: want a whole number from 1", args[0])
			}
			prefix := kube.KwokPrefix
			if bad {
				prefix = kube.BadKwokPrefix
			}
			return m.AddKwokNodes(cmd.Context(), prefix, count)
		}),
	}
	cmd.Flags().BoolVar(&bad, "bad", false, "nodes named bad-kwok-N, which never manage to pull an image")
	return cmd
}
