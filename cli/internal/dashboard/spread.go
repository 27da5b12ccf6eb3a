// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/operator/report"
)

// zonesOf are the zones of nodes.
func zonesOf(nodes []*corev1.Node) map[string]string {
	out := map[string]string{}
	for _, node := range nodes {
		if zone := node.Labels[corev1.LabelTopologyZone]; zone != "" {
			out[node.Name] = zone
		}
	}
	return out
}

// tally is how many Pods are so.
type tally struct {
	Health view.Health
	Count  int
}

// Text says it in words.
func (t tally) Text() string {
	return map[view.Health]string{view.Wrong: "in trouble", view.Working: "not ready yet", view.Fine: "ready"}[t.Health]
}

// tallies count Pods by how they are, what is worst first.
func tallies(leaves []view.Leaf) []tally {
	var out []tally
	for _, health := range healths {
		n := 0
		for i := range leaves {
			if leaves[i].Health == health {
				n++
			}
		}
		if n > 0 {
			out = append(out, tally{health, n})
		}
	}
	return out
}

// spread is where the Pods of groups are.
type spread struct {
	Zones []string
	Rows  []spreadRow
}

type spreadRow struct {
	Title string
	Cells []cell
}

// cell are the Pods of a group in a zone.
type cell struct {
	Zone    string
	Count   int
	Tallies []tally
}

// Words says how many there are.
func (c cell) Words() string { return report.Pods(c.Count) }

// The columns of Pods whose node has no zone, and of those that have no node.
const (
	noZone = "no zone"
	noNode = "no node yet"
)

// spreadOf counts Pods by group and zone. It has no rows where no node has a zone.
func spreadOf(groups []view.Group, zones map[string]string) spread {
	out, used := spread{}, map[string]bool{}
	zoneOf := func(l *view.Leaf) string {
		switch zone := zones[l.Node]; {
		case zone != "":
			return zone
		case l.Node == "":
			return noNode
		}
		return noZone
	}
	known := false
	for i := range groups {
		for j := range groups[i].Pods {
			l := &groups[i].Pods[j]
			used[zoneOf(l)] = true
			known = known || zones[l.Node] != ""
		}
	}
	if !known {
		return out
	}
	for zone := range used {
		out.Zones = append(out.Zones, zone)
	}
	slices.SortFunc(out.Zones, compareZones)
	for i := range groups {
		row := spreadRow{Title: groups[i].Title}
		for _, zone := range out.Zones {
			in := slices.DeleteFunc(slices.Clone(groups[i].Pods), func(l view.Leaf) bool { return zoneOf(&l) != zone })
			row.Cells = append(row.Cells, cell{zone, len(in), tallies(in)})
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// compareZones puts last what is none.
func compareZones(a, b string) int {
	rank := func(zone string) string {
		switch zone {
		case noZone:
			return "2"
		case noNode:
			return "3"
		}
		return "1" + zone
	}
	switch ra, rb := rank(a), rank(b); {
	case ra < rb:
		return -1
	case ra > rb:
		return 1
	}
	return 0
}

func spreadNode(o *object) *node {
	if s := spreadOf(o.tree.Groups, o.zones); len(s.Rows) > 0 {
		return leaf("spread", render("spread", s))
	}
	return nil
}

// groupID is the id of a group, whose title says anything.
func groupID(g *view.Group) string {
	sum := sha256.Sum256([]byte(g.Title))
	return domID("group", hex.EncodeToString(sum[:6]))
}

// groupPath is that of a page of a group.
func (r row) groupPath(title string, number int) string {
	return r.Path + "?" + url.Values{"group": {title}, "page": {strconv.Itoa(number)}}.Encode()
}
