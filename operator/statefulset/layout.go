// SPDX-License-Identifier: Apache-2.0

package statefulset

import "slices"

// member is one ordinal that there should be.
type member struct {
	// Position is the ordinal's place among those that there should be, from 0.
	Position int
	Ordinal  int
	// View is the Pod that holds the ordinal, nil when there is none.
	*View
	// creating tells that the plan makes the Pod.
	creating bool
}

// missing reports whether there is no Pod.
func (m *member) missing() bool { return m.View == nil }

// available reports whether there is a Pod, and it is available.
func (m *member) available() bool { return m.View != nil && m.Available }

// leaving reports whether there is no Pod, or one that is going: either way a new one follows.
func (m *member) leaving() bool { return m.View == nil || m.terminating() }

// layout puts a set's Pods on the ordinals that there should be.
type layout struct {
	// members are the ordinals that there should be, ascending.
	members []member
	// condemned are Pods of other ordinals, the highest first.
	condemned []*View
}

// newLayout walks through the Pods and the ordinals side by side: both are sorted, and none is there twice.
func newLayout(s *Snapshot) layout {
	wanted, pods := ordinals(&s.Set.Spec), s.Pods
	out := layout{members: make([]member, len(wanted))}
	for position, ordinal := range wanted {
		m := member{Position: position, Ordinal: ordinal}
		for len(pods) > 0 && pods[0].Ordinal < ordinal {
			out.condemned, pods = append(out.condemned, pods[0]), pods[1:]
		}
		if len(pods) > 0 && pods[0].Ordinal == ordinal {
			m.View, pods = pods[0], pods[1:]
		}
		out.members[position] = m
	}
	out.condemned = append(out.condemned, pods...)
	slices.Reverse(out.condemned)
	return out
}

func (m *member) labels() map[string]string {
	if m.missing() {
		return nil
	}
	return m.Pod.Labels
}
