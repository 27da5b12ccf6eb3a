// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func list(header string, items ...string) *node {
	var inner []*node
	for i := 0; i < len(items); i += 2 {
		inner = append(inner, leaf(items[i], fmt.Sprintf("<li id=%s>%s</li>", items[i], items[i+1])))
	}
	return branch("main", "<main>\x00</main>", leaf("h", header), branch("list", "<ul>\x00</ul>", inner...))
}

func TestOnlyWhatHasChangedIsSent(t *testing.T) {
	before := list("two", "a", "1", "b", "2")
	for name, test := range map[string]struct {
		after *node
		want  []patch
	}{
		"nothing":            {list("two", "a", "1", "b", "2"), nil},
		"an item":            {list("two", "a", "1", "b", "3"), []patch{{"b", "<li id=b>3</li>"}}},
		"an item and a text": {list("2", "a", "0", "b", "2"), []patch{{"h", "2"}, {"a", "<li id=a>0</li>"}}},
		"another order":      {list("two", "b", "2", "a", "1"), []patch{{"list", "<ul><li id=b>2</li><li id=a>1</li></ul>"}}},
		"one item more": {list("two", "a", "1", "b", "2", "c", "3"),
			[]patch{{"list", "<ul><li id=a>1</li><li id=b>2</li><li id=c>3</li></ul>"}}},
		"the frame": {branch("main", "<main class=x>\x00</main>"), []patch{{"main", "<main class=x></main>"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := changes(before, test.after)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if same := before.version() == test.after.version(); same != (len(got) == 0) {
				t.Errorf("the same version: %v, and %d changes", same, len(got))
			}
		})
	}
}

func TestNewsAreFew(t *testing.T) {
	before := map[string]string{"a": "asts/a: Rolling", "b": "asts/b: Complete"}
	for want, after := range map[string]map[string]string{
		"":                     {"a": "asts/a: Rolling"},
		"asts/a: Complete.":    {"a": "asts/a: Complete", "b": "asts/b: Complete"},
		"1. 2. 3. And 2 more.": {"c": "1", "d": "2", "e": "3", "f": "4", "g": "5"},
	} {
		if got := news(before, after); got != want {
			t.Errorf("%v: %q, want %q", after, got, want)
		}
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{"": ".", "cannot": "Cannot.", "Done.": "Done.", "ärger": "Ärger.", "asts/web is paused": "asts/web is paused."} {
		if got := sentence(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
