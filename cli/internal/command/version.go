// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/program"
)

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "The version of this plug-in",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintln(c.Out, program.Describe("kubectl plug-in"))
			return nil
		},
	}
}

// none refuses arguments.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments, and got %q", cmd.CommandPath(), args[0])
	}
	return nil
}
