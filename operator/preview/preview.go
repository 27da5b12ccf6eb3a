// SPDX-License-Identifier: Apache-2.0

// Package preview is what a change of an object leads to, Pod by Pod, before it is written. A plan is one step; a preview
// is what the steps lead to in the end, if nothing else happens meanwhile. Each controller makes its own, by the planner
// that will do the work.
package preview

import (
	"cmp"
	"slices"
)

// Fate is what becomes of a Pod.
type Fate string

const (
	// UpdatedInPlace means that it stays, and that containers of it, or its metadata, change.
	UpdatedInPlace Fate = "UpdatedInPlace"
	// Recreated means that it is deleted, or evicted, and that another one is created in its place.
	Recreated Fate = "Recreated"
	// Created means that there is none yet.
	Created Fate = "Created"
	// Deleted means that it goes, and that none follows.
	Deleted Fate = "Deleted"
	// WaitsUntilRecreated means that it keeps what it has until somebody else has it created anew.
	WaitsUntilRecreated Fate = "WaitsUntilRecreated"
	// Kept means that it keeps what it has, since the object says so.
	Kept Fate = "Kept"
	// Uninjected means that it is to have the sidecars of a SidecarSet, and stays without them.
	Uninjected Fate = "Uninjected"
	// Released means that it is not the object's any more, and keeps what it has.
	Released Fate = "Released"
	// Current means that it has all that the change asks for.
	Current Fate = "Current"
)

// Fates are all of them, those first that take something from the Pod.
var Fates = []Fate{UpdatedInPlace, Recreated, Created, Deleted, WaitsUntilRecreated, Kept, Uninjected, Released, Current}

// Pod is one Pod, and what becomes of it.
type Pod struct {
	Namespace string
	Name      string
	Fate      Fate
	// Containers are those that change in a Pod that is updated in place, sorted by name. None: its metadata alone changes.
	Containers []Container
	// Why are the reasons of its fate: field paths, or clauses without an end.
	Why []string
	// Waits says what it waits for now: a sentence without its end; "" where nothing is to be done, or where it is begun
	// in the first step.
	Waits string
	// First: it is begun in the first step, as soon as the change is written.
	First bool
}

// Container is a change of a container in a running Pod.
type Container struct {
	Name string `json:"name"`
	// From and To are the images; both are "" where the image stays.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Resized: its cpu or memory changes.
	Resized bool `json:"resized,omitempty"`
	// Restarts: the kubelet stops it, and starts it anew.
	Restarts bool `json:"restarts,omitempty"`
}

// Preview is what a change leads to.
type Preview struct {
	// Revision names the revision of the object, and New tells that nothing has recorded it yet.
	Revision string
	New      bool
	// Pods are those that the object concerns, before the change or after it.
	Pods []Pod
	// Rests says why no Pod is begun as long as that is so: a clause; "" when nothing speaks against it.
	Rests string
	// Notes are sentences about the whole.
	Notes []string
}

// Sort sorts the Pods by fate, and by name within it: web-2 comes before web-10.
func (p *Preview) Sort() {
	slices.SortStableFunc(p.Pods, func(a, b Pod) int {
		return cmp.Or(
			cmp.Compare(slices.Index(Fates, a.Fate), slices.Index(Fates, b.Fate)), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name),
		)
	})
}
