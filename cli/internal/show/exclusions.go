// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"

	"github.com/windlass-operator/windlass/cli/internal/term"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// Exclusions prints a table of excluded nodes.
func (p *Printer) Exclusions(exclusions []view.Exclusion, namespaces bool) error {
	table := term.Table{Header: []string{"NODE", "STATEFULSET", "SINCE", "ENDS IN", "TIMES", "WHY"}}
	if namespaces {
		table.Header = append([]string{"NAMESPACE"}, table.Header...)
	}
	for i := range exclusions {
		e := &exclusions[i]
		cells := []term.Cell{
			term.Text(e.Node), term.Text("asts/" + e.StatefulSet), term.Text(p.since(&e.Since)),
			term.Text(Until(e.Until, p.Now)), term.Text(fmt.Sprint(e.Strikes)), term.Text(e.Why()),
		}
		if namespaces {
			cells = append([]term.Cell{term.Text(e.Namespace)}, cells...)
		}
		table.Add(cells...)
	}
	return table.Write(p.Out, p.Palette)
}
