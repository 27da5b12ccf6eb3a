// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func TestPage(t *testing.T) {
	root := &cobra.Command{Use: "dance"}
	root.PersistentFlags().Bool("loud", false, "with music")
	waltz := &cobra.Command{Use: "waltz PARTNER", Short: "In three", Example: "  dance waltz me\n  dance waltz you", Run: func(*cobra.Command, []string) {}}
	waltz.Flags().Int("turns", 2, "how `many`")
	below := &cobra.Command{Use: "tango", Long: "It takes two.", Run: func(*cobra.Command, []string) {}}
	group := &cobra.Command{Use: "latin", Short: "Others"}
	group.AddCommand(below)
	root.AddCommand(waltz, group)
	want := head + `
## dance latin tango

It takes two.

` + "```" + `
dance latin tango
` + "```" + `

## dance waltz

In three.

` + "```" + `
dance waltz PARTNER [flags]
` + "```" + `

For example:

` + "```" + `
dance waltz me
dance waltz you
` + "```" + `

` + "```" + `
      --turns many   how many (default 2)
` + "```" + `

## Flags of every command

` + "```" + `
      --loud   with music
` + "```" + `
`
	if diff := cmp.Diff(want, page(root)); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}
