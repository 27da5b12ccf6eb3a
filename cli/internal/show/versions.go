// SPDX-License-Identifier: Apache-2.0

package show

import (
	"cmp"
	"strings"

	"github.com/windlass-operator/windlass/cli/internal/term"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// Versions prints a table of which Pod has which version.
func (p *Printer) Versions(versions []view.Version, namespaces bool) error {
	table := term.Table{Header: []string{"POD", "SIDECARSET", "REVISION", "STATE", "IMAGES"}}
	if namespaces {
		table.Header = append([]string{"NAMESPACE"}, table.Header...)
	}
	for i := range versions {
		v := &versions[i]
		state := term.Cell{Text: "earlier", Tone: term.Busy}
		if v.Current {
			state = term.Cell{Text: "current", Tone: term.Good}
		}
		if v.UnderWay {
			state = term.Cell{Text: state.Text + ", under way", Tone: term.Busy}
		}
		cells := []term.Cell{
			term.Text(v.Pod), term.Text(v.SidecarSet), term.Text(cmp.Or(v.Revision, "not recorded")), state, term.Text(strings.Join(v.Images, ",")),
		}
		if namespaces {
			cells = append([]term.Cell{term.Text(v.Namespace)}, cells...)
		}
		table.Add(cells...)
	}
	return table.Write(p.Out, p.Palette)
}
