// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/duration"

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
		why := e.Reason
		if e.Image != "" {
			why += " (" + e.Image + ")"
		}
		switch {
		case e.Lifted:
			why += "; lifted, about to end"
		case e.Probe:
			why += "; tried elsewhere once"
		}
		cells := []term.Cell{
			term.Text(e.Node), term.Text("asts/" + e.StatefulSet), term.Text(p.since(&e.Since)),
			term.Text(duration.HumanDuration(e.Until.Sub(p.Now))), term.Text(fmt.Sprint(e.Strikes)), term.Text(why),
		}
		if namespaces {
			cells = append([]term.Cell{term.Text(e.Namespace)}, cells...)
		}
		table.Add(cells...)
	}
	return table.Write(p.Out, p.Palette)
}
