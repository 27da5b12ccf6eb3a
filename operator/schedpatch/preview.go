// SPDX-License-Identifier: Apache-2.0

package schedpatch

import "slices"

// Foreseen is what a patch leads to for the next Pods of its target. Those that run are never touched.
type Foreseen struct {
	// Kept are the nodes that would take such a Pod with the patch and without it, Lost those that would only without, and
	// Gained those that would only with it. They are sorted by name. Node selectors, required node affinity and taints are
	// looked at.
	Kept, Lost, Gained []string
	// Warnings are those of a preview.
	Warnings []string
}

// Foresee says what an object leads to that is not written yet: what its preview would say if it had one. It is nil where
// nobody knows what new Pods are made from. kubectl windlass preview asks it.
func Foresee(s *Snapshot) *Foreseen {
	pods := MakePlan(s).NewPods
	if pods == nil {
		return nil
	}
	before, after := eligible(s.Nodes, &pods.Without), eligible(s.Nodes, &pods.With)
	in := func(list []string, is bool) func(string) bool {
		return func(name string) bool { return slices.Contains(list, name) == is }
	}
	return &Foreseen{
		Kept: only(after, in(before, true)), Gained: only(after, in(before, false)), Lost: only(before, in(after, false)),
		Warnings: warnings(s, pods, len(before), len(after)),
	}
}

// only are those of some names that something is true of.
func only(names []string, is func(string) bool) (out []string) {
	for _, name := range names {
		if is(name) {
			out = append(out, name)
		}
	}
	return out
}
