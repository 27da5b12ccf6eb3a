// SPDX-License-Identifier: Apache-2.0

// Command reference prints the page of all commands of the plug-in and their flags.
//
//	go run ./internal/reference > ../docs/reference/kubectl-windlass.md
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/windlass-operator/windlass/cli/internal/command"
)

const head = `<!-- Made by hack/generate.sh from the commands themselves. Do not change it here. -->

# Flags of kubectl windlass

What they are for, with examples: [kubectl windlass](../kubectl-windlass.md).
`

func main() {
	// The default of a flag has the home directory in it: that of whoever reads the page.
	os.Setenv("HOME", "$HOME")
	os.Unsetenv("KUBECACHEDIR")
	fmt.Print(page(command.New(command.Env{})))
}

// page has the commands below a root, in their order, and in the end the flags that all of them have.
func page(root *cobra.Command) string {
	var out strings.Builder
	out.WriteString(head)
	section(&out, root)
	fmt.Fprintf(&out, "\n## Flags of every command\n\n```\n%s```\n", root.PersistentFlags().FlagUsages())
	return out.String()
}

// section writes a command that can be called, and those below it.
func section(out *strings.Builder, c *cobra.Command) {
	if c.HasParent() && c.Runnable() {
		fmt.Fprintf(out, "\n## %s\n\n%s\n\n```\n%s\n```\n", c.CommandPath(), description(c), c.UseLine())
		if c.Example != "" {
			fmt.Fprintf(out, "\nFor example:\n\n```\n%s\n```\n", unindented(c.Example))
		}
		if flags := c.LocalFlags().FlagUsages(); flags != "" {
			fmt.Fprintf(out, "\n```\n%s```\n", flags)
		}
	}
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() && below.Name() != "completion" && below.Name() != "help" {
			section(out, below)
		}
	}
}

func description(c *cobra.Command) string {
	if c.Long != "" {
		return c.Long
	}
	return c.Short + "."
}

func unindented(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}
