// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/windlass-operator/windlass/operator/preview"
)

// Preview is what a change of an object would lead to.
type Preview struct {
	Kind      Kind   `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Action    Action `json:"action"`
	// CheckedBy is who was asked whether the change would be taken.
	CheckedBy Checker `json:"checkedBy"`
	// Refused is why it would not be, with a line for each fault; "" when it would.
	Refused string `json:"refused,omitempty"`
	// Warnings are those of a SchedPatch's preview, and of who checked, if that was not the API server: its warnings are printed
	// as they come.
	Warnings []string `json:"warnings,omitempty"`
	// Revision names the object's revision after the change, and NewRevision tells that it is not recorded yet.
	Revision    string `json:"revision,omitempty"`
	NewRevision bool   `json:"newRevision,omitempty"`
	// Rests says why no Pod is begun as long as that is so, "" when nothing speaks against it.
	Rests  string      `json:"rests,omitempty"`
	Groups []FateGroup `json:"groups,omitempty"`
	// Nodes are those for new Pods of a SchedPatch's target, nil for other kinds.
	Nodes *NodeChange `json:"nodes,omitempty"`
	Notes []string    `json:"notes,omitempty"`
}

// FateGroup are the Pods of which the same becomes, for the same reasons.
type FateGroup struct {
	Fate preview.Fate `json:"fate"`
	// Containers are those that change in running Pods.
	Containers []preview.Container `json:"containers,omitempty"`
	// Why are field paths, or clauses.
	Why []string `json:"why,omitempty"`
	Group
}

// Action is what a write of the manifest would do.
type Action string

// There is no such object yet, or there is and it would be another one, or it is as the manifest says already.
const (
	WouldCreate Action = "Create"
	WouldChange Action = "Change"
	WouldKeep   Action = "None"
)

// Checker is who was asked about a change.
type Checker string

const (
	// APIServer with all that it asks: the webhooks, and the other admission of the cluster.
	APIServer Checker = "APIServer"
	// Offline is the check of lint, by the schema and the webhooks' own code.
	Offline Checker = "Offline"
)

// Ref names the object.
func (p *Preview) Ref() Ref { return Ref{p.Kind, p.Name} }

// unknown is what a preview cannot know.
const unknown = "Not known here: which writes the API server refused lately, what the operator is about to restart, and which nodes have " +
	"to pull the new images first. Pods, nodes and budgets are taken as they are now."

// Add takes in what becomes of the Pods.
func (p *Preview) Add(from *preview.Preview) {
	p.Revision, p.NewRevision, p.Rests, p.Notes = from.Revision, from.New, from.Rests, append(p.Notes, from.Notes...)
	for i := range from.Pods {
		p.add(&from.Pods[i])
	}
	if slices.ContainsFunc(from.Pods, func(pod preview.Pod) bool { return slices.Contains(changing, pod.Fate) }) {
		p.Notes = append(p.Notes, unknown)
	}
}

func (p *Preview) add(pod *preview.Pod) {
	at := slices.IndexFunc(p.Groups, func(g FateGroup) bool {
		return g.Fate == pod.Fate && slices.Equal(g.Containers, pod.Containers) && slices.Equal(g.Why, pod.Why)
	})
	if at < 0 {
		at = len(p.Groups)
		p.Groups = append(p.Groups, FateGroup{
			Fate: pod.Fate, Containers: pod.Containers, Why: pod.Why, Group: Group{Title: fateOf(pod), Target: pod.Fate == preview.Current},
		})
	}
	l := Leaf{Namespace: pod.Namespace, Name: pod.Name, Health: cmp.Or(healths[pod.Fate], Fine)}
	switch {
	case pod.First:
		l.State = "first"
	case pod.Waits != "":
		l.State = "later: " + pod.Waits
	}
	p.Groups[at].Pods = append(p.Groups[at].Pods, l)
}

var healths = map[preview.Fate]Health{
	preview.UpdatedInPlace: Working, preview.Recreated: Working, preview.Created: Working, preview.Deleted: Working,
	preview.WaitsUntilRecreated: Wrong, preview.Uninjected: Wrong,
}

// titles are what becomes of Pods, for people. Reasons follow behind a colon.
var titles = map[preview.Fate]string{
	preview.UpdatedInPlace:      "updated in place",
	preview.Recreated:           "deleted and created anew",
	preview.Created:             "created",
	preview.Deleted:             "deleted, and none follows",
	preview.WaitsUntilRecreated: "stay as they are until they are created anew",
	preview.Kept:                "stay as they are",
	preview.Uninjected:          "without the sidecars, which no running Pod gets",
	preview.Released:            "let go as they are",
	preview.Current:             "have it already",
}

func fateOf(pod *preview.Pod) string {
	var parts []string
	for i := range pod.Containers {
		parts = append(parts, containerChange(&pod.Containers[i]))
	}
	if len(parts) == 0 && pod.Fate == preview.UpdatedInPlace {
		parts = append(parts, "nothing restarts")
	}
	parts = append(parts, pod.Why...)
	if len(parts) == 0 {
		return titles[pod.Fate]
	}
	return titles[pod.Fate] + ": " + strings.Join(parts, ", ")
}

func containerChange(c *preview.Container) string {
	out := c.Name
	if c.To != "" {
		out += fmt.Sprintf(" %s -> %s", c.From, c.To)
	}
	switch {
	case c.Resized && c.Restarts:
		out += " (resized, restarts)"
	case c.Resized:
		out += " (resized)"
	case c.Restarts:
		out += " (restarts)"
	}
	return out
}

// changing are the fates of Pods that the operator itself changes.
var changing = []preview.Fate{preview.UpdatedInPlace, preview.Recreated, preview.Created, preview.Deleted}

// Changed names the Pods that the operator would change.
func (p *Preview) Changed() []string {
	var out []string
	for i := range p.Groups {
		if g := &p.Groups[i]; slices.Contains(changing, g.Fate) {
			for j := range g.Pods {
				out = append(out, g.Pods[j].Name)
			}
		}
	}
	return out
}

// UnservedByName are the namespaces that the Pod webhooks leave out, but for those that say so by their label.
func UnservedByName(around map[string]*Surroundings) []string {
	var out []string
	for name, s := range around {
		if s.serving() == Unserved && !s.optedOut() {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
