// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// fewNodes is how many nodes of a kind are named without being asked for.
const fewNodes = 20

// choice are nodes of one kind, for people.
type choice struct {
	ID, Title, Text string
	Health          view.Health
	Count           int
	Few, More       []string
}

// nodesNode are the nodes that a SchedPatch leaves to new Pods, and takes from them.
func nodesNode(o *object) *node {
	if o.patch == nil || o.nodes == nil {
		return nil
	}
	choose := func(id, title, text string, health view.Health, names []string) choice {
		few := min(fewNodes, len(names))
		return choice{id, title, text, health, len(names), names[:few], names[few:]}
	}
	shown := struct {
		Choices  []choice
		Neither  int
		Preview  *previewed
		IsActive bool
	}{Neither: o.nodes.Neither, Preview: previewOf(o), IsActive: o.patch.Spec.Mode != v1alpha1.SchedPatchPreview}
	shown.Choices = append(shown.Choices,
		choose("kept", "Kept", "take new Pods with the patch as without it", view.Fine, o.nodes.Kept),
		choose("lost", "Lost", "would take new Pods without the patch", view.Wrong, o.nodes.Lost))
	if len(o.nodes.Gained) > 0 {
		shown.Choices = append(shown.Choices, choose("gained", "Gained", "take new Pods because of the patch", view.Working, o.nodes.Gained))
	}
	return leaf("nodes", render("nodes", shown))
}

// previewed is what the operator says of a preview beside the nodes.
type previewed struct{ Conflicts, Warnings []string }

// previewOf is what the operator has found; nil while it has not looked, and for a patch that is no preview.
func previewOf(o *object) *previewed {
	p := o.patch.Status.Preview
	if p == nil || o.patch.Status.ObservedGeneration != o.patch.Generation {
		return nil
	}
	return &previewed{p.Conflicts, p.Warnings}
}
