// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// lined has connections come to a line in turn, a second after each other, each from the source of its first letter.
func lined(l *line, names ...string) (dropped []string, named map[*connection]string) {
	named = map[*connection]string{}
	for i, name := range names {
		c := &connection{source: name[:1], since: dawn.Add(time.Duration(i) * time.Second)}
		named[c] = name
		if lost := l.push(c); lost != nil {
			dropped = append(dropped, named[lost])
		}
	}
	return dropped, named
}

// popped lets all in for whom there is room, in the order of the line.
func popped(l *line, named map[*connection]string, late time.Time, room func(string) bool) string {
	var out []string
	for c := l.pop(late, room); c != nil; c = l.pop(late, room) {
		out = append(out, named[c])
	}
	return strings.Join(out, " ")
}

func TestALine(t *testing.T) {
	everybody := func(string) bool { return true }
	for name, test := range map[string]struct {
		most        int
		come        []string
		late        time.Time
		room        func(string) bool
		want        string
		wantDropped []string
	}{
		"addresses take turns, the oldest of each first": {
			most: 20, come: []string{"a1", "a2", "a3", "b1", "b2", "c1"}, late: dawn, room: everybody,
			want: "a1 b1 c1 a2 b2 a3",
		},
		"who has no room keeps nobody waiting": {
			most: 20, come: []string{"a1", "a2", "b1"}, late: dawn, room: func(source string) bool { return source == "b" },
			want: "b1",
		},
		"when the oldest has waited for too long, the newest goes first": {
			most: 20, come: []string{"a1", "a2", "a3"}, late: dawn.Add(time.Second), room: everybody,
			want: "a3 a2 a1",
		},
		"when the oldest is not late any more, it goes first again": {
			most: 20, come: []string{"a1", "b1", "b2"}, late: dawn.Add(time.Second / 2), room: everybody,
			want: "a1 b1 b2",
		},
		"an address has half of the line, and then its oldest goes": {
			most: 4, come: []string{"a1", "a2", "a3", "b1"}, late: dawn, room: everybody,
			want: "a2 b1 a3", wantDropped: []string{"a1"},
		},
		"a full line loses the oldest of the address that has the most": {
			most: 4, come: []string{"a1", "b1", "b2", "c1", "d1"}, late: dawn, room: everybody,
			want: "a1 b2 c1 d1", wantDropped: []string{"b1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLine(test.most)
			dropped, named := lined(&l, test.come...)
			if diff := cmp.Diff(test.wantDropped, dropped); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
			if got := popped(&l, named, test.late, test.room); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestALineForgetsWhoHasWaitedForTooLong(t *testing.T) {
	l := newLine(20)
	_, named := lined(&l, "a1", "b1", "a2", "b2")
	var expired []string
	for _, c := range l.expire(dawn.Add(2 * time.Second)) {
		expired = append(expired, named[c])
	}
	if diff := cmp.Diff([]string{"a1", "b1"}, expired); diff != "" {
		t.Errorf("expired (-want +got):\n%s", diff)
	}
	if got := popped(&l, named, dawn, func(string) bool { return true }); got != "a2 b2" || l.total != 0 {
		t.Errorf("left: %s, %d", got, l.total)
	}
}

func TestTheLeastTimeFollowsAShorterOneAtOnceAndALongerOneSlowly(t *testing.T) {
	least := leastTime{}
	var got []time.Duration
	for _, took := range []time.Duration{160, 32, 100_000, 33, 16, 16} {
		got = append(got, least.note(took))
	}
	if diff := cmp.Diff([]time.Duration{160, 32, 35, 33, 16, 16}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
