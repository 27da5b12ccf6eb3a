// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"slices"
	"time"
)

// line holds connections that wait for a place. Addresses take turns. Of one address the oldest goes first, for as long
// as it has not waited for too long; then there are more than can be served in time, and the newest has the best chance
// that its peer still waits.
type line struct {
	most, share, total int
	// bySource are oldest first; turns are the sources that have any, the next one first.
	bySource map[string][]*connection
	turns    []string
}

func newLine(most int) line {
	return line{most: most, share: max(1, most/2), bySource: map[string][]*connection{}}
}

// push puts a connection at the end of its source's line. It returns the one that there is no room for any more, nil if
// there is none.
func (l *line) push(c *connection) (dropped *connection) {
	switch {
	case len(l.bySource[c.source]) >= l.share:
		dropped = l.take(c.source, 0)
	case l.total >= l.most:
		dropped = l.take(l.longest(), 0)
	}
	if len(l.bySource[c.source]) == 0 {
		l.turns = append(l.turns, c.source)
	}
	l.bySource[c.source] = append(l.bySource[c.source], c)
	l.total++
	return dropped
}

func (l *line) longest() (source string) {
	for candidate, waiting := range l.bySource {
		if len(waiting) > len(l.bySource[source]) {
			source = candidate
		}
	}
	return source
}

// pop takes out the next connection of a source that there is room for; nil when there is none. What has come before
// late has waited for too long.
func (l *line) pop(late time.Time, room func(source string) bool) *connection {
	for range l.turns {
		source := l.turns[0]
		l.turns = append(l.turns[1:], source)
		if !room(source) {
			continue
		}
		waiting := l.bySource[source]
		if waiting[0].since.Before(late) {
			return l.take(source, len(waiting)-1)
		}
		return l.take(source, 0)
	}
	return nil
}

// expire takes out those that have come before a time.
func (l *line) expire(before time.Time) (out []*connection) {
	for _, source := range slices.Clone(l.turns) {
		for len(l.bySource[source]) > 0 && l.bySource[source][0].since.Before(before) {
			out = append(out, l.take(source, 0))
		}
	}
	return out
}

// take takes one out.
func (l *line) take(source string, at int) *connection {
	waiting := l.bySource[source]
	c := waiting[at]
	l.total--
	if l.bySource[source] = slices.Delete(waiting, at, at+1); len(waiting) == 1 {
		delete(l.bySource, source)
		l.turns = slices.DeleteFunc(l.turns, func(turn string) bool { return turn == source })
	}
	return c
}
