// SPDX-License-Identifier: Apache-2.0

package selectors

import (
	"slices"
)

// states is what a selector allows for one label key: whether the label may be absent, and which values it may have.
//
//	requirement      absent   values
//	key = v, In      no       the listed ones
//	NotIn            yes      all but the listed ones
//	Exists           no       all but none
//	DoesNotExist     yes      none
type states struct {
	absent bool
	// values lists the allowed values or, when complement is set, the forbidden ones. Sorted, each once.
	values     []string
	complement bool
}

func oneOf(values ...string) states { return states{values: sorted(values)} }
func noneOf(values ...string) states {
	return states{values: sorted(values), complement: true, absent: true}
}
func anyValue() states { return states{complement: true} }
func absent() states   { return states{absent: true} }

func sorted(values []string) []string {
	out := slices.Clone(values)
	slices.Sort(out)
	return slices.Compact(out)
}

// possible reports whether anything is allowed. There are more label values than anybody can list, so a complement is
// never empty.
func (s states) possible() bool {
	return s.absent || s.complement || len(s.values) > 0
}

// and allows what both allow.
func (s states) and(other states) states {
	out := states{absent: s.absent && other.absent}
	switch {
	case s.complement && other.complement:
		out.complement = true
		out.values = sorted(slices.Concat(s.values, other.values))
	case s.complement:
		out.values = filter(other.values, func(v string) bool { return !s.lists(v) })
	case other.complement:
		out.values = filter(s.values, func(v string) bool { return !other.lists(v) })
	default:
		out.values = filter(s.values, other.lists)
	}
	return out
}

// overlap reports whether and would be possible, without making it.
func (s states) overlap(other states) bool {
	if s.absent && other.absent || s.complement && other.complement {
		return true
	}
	if s.complement {
		s, other = other, s
	}
	for _, value := range s.values {
		if other.lists(value) != other.complement {
			return true
		}
	}
	return false
}

func (s states) lists(value string) bool {
	_, found := slices.BinarySearch(s.values, value)
	return found
}

func filter(values []string, keep func(string) bool) []string {
	var out []string
	for _, value := range values {
		if keep(value) {
			out = append(out, value)
		}
	}
	return out
}
