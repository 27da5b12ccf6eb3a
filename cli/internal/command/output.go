// SPDX-License-Identifier: Apache-2.0

package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// output is the flag -o.
type output struct{ format string }

func (o *output) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "", "What to print instead of text for people: json, yaml or name.")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "yaml", "name"}, cobra.ShellCompDirectiveNoFileComp))
}

// check refuses formats that there are not.
func (o *output) check() error {
	switch o.format {
	case "", "json", "yaml", "name":
		return nil
	}
	return usage("--output=%s: must be json, yaml or name", o.format)
}

// items prints a list for programs, and reports whether it was asked to. names are what -o name prints.
func (c *cli) items(o *output, items any, names []string) (bool, error) {
	switch o.format {
	case "name":
		for _, name := range names {
			fmt.Fprintln(c.Out, name)
		}
		return true, nil
	case "json", "yaml":
		return true, c.encode(o, map[string]any{"items": items})
	}
	return false, nil
}

// encode prints a value as JSON or YAML.
func (c *cli) encode(o *output, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if o.format == "yaml" {
		if data, err = yaml.JSONToYAML(data); err != nil {
			return err
		}
		_, err = c.Out.Write(data)
		return err
	}
	_, err = fmt.Fprintf(c.Out, "%s\n", data)
	return err
}
