// SPDX-License-Identifier: Apache-2.0

package pullers

import (
	"fmt"

	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/operator/report"
)

// Reasons of events on the objects that pullers pull for.
const (
	// EventImageUnavailable: no node that was asked can get an image.
	EventImageUnavailable = "ImageUnavailable"
	// EventImageNotProven: nobody could find out whether an image can be pulled.
	EventImageNotProven = "ImageNotProven"
)

// Events tell of images that cannot be had, and of those that Pods restart with unproven.
func Events(plan *pull.Plan) (out []report.Event) {
	for _, m := range plan.Missing {
		e := report.Warning(EventImageUnavailable, "Pull", m.Sentence())
		e.Topic = EventImageUnavailable + " " + m.Image
		out = append(out, e)
	}
	if len(plan.Silent) > 0 {
		s := plan.Silent[0]
		e := report.Warning(EventImageNotProven, "Pull", fmt.Sprintf(
			"Nobody could find out whether image %s can be pulled%s: %s. Containers restart with it all the same.", s.Image, on(s.Node), s.Words))
		e.Topic = EventImageNotProven
		out = append(out, e)
	}
	return out
}

func on(node string) string {
	if node == "" {
		return ""
	}
	return " on node " + node
}
