// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// differences works out what separates Pods from the set's current version. What one recorded revision differs in is
// compared once for all of its Pods.
type differences struct {
	snapshot *Snapshot
	known    map[string]revisionDifference
}

type revisionDifference struct {
	sidecar.Difference
	// unknown says why the difference cannot be told.
	unknown string
}

// obstacles lists why a Pod cannot be brought up to date in place; when nothing is in the way, which containers are
// resized.
func (d *differences) obstacles(view *sidecar.View) (resized, why []string) {
	set := d.snapshot.Set
	if set.RestartsNativeSidecars(view) {
		node := view.Pod.Spec.NodeName
		if old := (inplace.KubeletNeeds{NativeSidecars: true}).Obstacle(node, d.snapshot.Kubelets[node]); old != "" {
			return nil, []string{old}
		}
	}
	if names := set.HotNativeSidecars(); len(names) > 0 {
		return nil, []string{"native sidecars with HotUpgrade (" + strings.Join(names, ", ") + ")"}
	}
	if view.Upgradable() {
		return nil, nil
	}
	difference := d.of(view.RevisionIn(d.snapshot.Revisions))
	switch {
	case difference.unknown != "":
		return nil, []string{difference.unknown}
	case !difference.InPlace():
		return nil, difference.Fixed
	}
	if obstacles := d.resizeObstacles(view, difference.Resized); len(obstacles) > 0 {
		return nil, obstacles
	}
	return difference.Resized, nil
}

func (d *differences) resizeObstacles(view *sidecar.View, resized []string) []string {
	node := view.Pod.Spec.NodeName
	if len(resized) > 0 && node != "" {
		if old := (inplace.KubeletNeeds{Resizes: true}).Obstacle(node, d.snapshot.Kubelets[node]); old != "" {
			return []string{old}
		}
	}
	return d.snapshot.Set.ResizeObstacles(view, resized, d.snapshot.CanResize)
}

// kubeletUnknown holds back a Pod whose change not every kubelet can make, as long as its node does not say which one it
// has: what would come of it is not to be found out by a restart. A Pod without a node has time.
func (p *planner) kubeletUnknown(c *candidate) (words string, waits bool) {
	needs := inplace.KubeletNeeds{NativeSidecars: p.s.Set.RestartsNativeSidecars(c.View), Resizes: len(c.resized) > 0}
	if needs == (inplace.KubeletNeeds{}) {
		return "", false
	}
	node := c.Pod.Spec.NodeName
	words = needs.Waits(node, p.s.Kubelets[node])
	return words, words != ""
}

// needsKubelets reports whether it matters for some Pod which version its kubelet has.
func (s *Snapshot) needsKubelets() bool {
	return s.Set.HasNativeSidecars() ||
		slices.ContainsFunc(s.Matched, func(v *sidecar.View) bool {
			return !v.Updated() && (!v.Upgradable() || len(v.OwedResizes()) > 0)
		})
}

// of compares the current version with a recorded one.
func (d *differences) of(name string) revisionDifference {
	if known, ok := d.known[name]; ok {
		return known
	}
	if d.known == nil {
		d.known = map[string]revisionDifference{}
	}
	d.known[name] = d.compare(name)
	return d.known[name]
}

func (d *differences) compare(name string) revisionDifference {
	for _, r := range d.snapshot.Revisions {
		if r.Name != name {
			continue
		}
		difference, err := d.snapshot.Set.DifferenceFrom(r.Data.Raw)
		if err != nil {
			return revisionDifference{unknown: fmt.Sprintf("more than images (its revision %s cannot be read: %v)", name, err)}
		}
		return revisionDifference{Difference: difference}
	}
	return revisionDifference{unknown: fmt.Sprintf("more than images (its revision %q is not kept any more)", name)}
}
