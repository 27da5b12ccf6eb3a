// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// anything stands for the rest of a line, or, alone on a line, for any lines.
const anything = "..."

// letters are those of which Kubernetes makes random names and hashes.
const letters = `[bcdfghjklmnpqrstvwxz2456789]`

// varying is what differs each time a page is tried. The first group are names: one that a page shows twice is the same
// one twice. The second are times, of which nothing is remembered.
var varying = regexp.MustCompile(`(` +
	strings.Join([]string{
		`\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`, // a UID
		`\b\d{1,3}(?:\.\d{1,3}){3}\b`,                     // an address
		`\b` + letters + `{8,10}-` + letters + `{5}\b`,    // the end of a Pod's name
		`\b` + letters + `{8,10}\b`,                       // that of a ReplicaSet's, or of a revision's
		`\bnode\d+\b`,
	}, "|") + `)|(` +
	strings.Join([]string{
		`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`,
		`~?\b(?:\d+(?:ms|[smhdy]))+\b`, // an age
	}, "|") + `)`)

// shapes are what stands in the place of what varies, by what the page has there.
var shapes = []struct{ page, cluster *regexp.Regexp }{
	{regexp.MustCompile(`^[0-9a-f]{8}-`), regexp.MustCompile(`[0-9a-f-]{36}`)},
	{regexp.MustCompile(`^[\d.]+$`), regexp.MustCompile(`\d{1,3}(?:\.\d{1,3}){3}`)},
	{regexp.MustCompile(`^` + letters + `{8,10}-`), regexp.MustCompile(letters + `{5,10}-` + letters + `{5}`)},
	{regexp.MustCompile(`^node\d`), regexp.MustCompile(`node\d+`)},
	{regexp.MustCompile(`^` + letters + `{8,10}$`), regexp.MustCompile(letters + `{5,10}`)},
	{regexp.MustCompile(`T`), regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`)},
	{regexp.MustCompile(`.`), regexp.MustCompile(`(?:~?(?:\d+(?:ms|[smhdy]))+|<invalid>|<unknown>)`)},
}

// Names are what names of a page are called in the cluster.
type Names map[string]string

// InCluster puts the names of the cluster in the place of those of the page.
func (n Names) InCluster(text string) string { return replace(text, n) }

// OnPage puts the names of the page in the place of those of the cluster.
func (n Names) OnPage(text string) string {
	inverse := map[string]string{}
	for page, cluster := range n {
		inverse[cluster] = page
	}
	return replace(text, inverse)
}

func replace(text string, with map[string]string) string {
	return varying.ReplaceAllStringFunc(text, func(found string) string {
		if other, ok := with[found]; ok {
			return other
		}
		return found
	})
}

// Match compares what a page shows with what came back. White space counts as one space. It returns the names, with
// those that were met for the first time, or an error that has both texts.
func (n Names) Match(shown []string, got string) (Names, error) {
	lines := trimmed(strings.Split(strings.TrimRight(got, "\n"), "\n"))
	if names, ok := n.lines(shown, lines); ok {
		return names, nil
	}
	return n, fmt.Errorf("the page shows:\n%s\nand it came:\n%s", strings.Join(shown, "\n"), n.OnPage(strings.Join(lines, "\n")))
}

func (n Names) lines(shown, got []string) (Names, bool) {
	if len(shown) == 0 {
		return n, len(got) == 0
	}
	if strings.TrimSpace(shown[0]) == anything {
		for skipped := range len(got) + 1 {
			if names, ok := n.lines(shown[1:], got[skipped:]); ok {
				return names, true
			}
		}
		return n, false
	}
	if len(got) == 0 {
		return n, false
	}
	names, ok := n.line(shown[0], got[0])
	if !ok {
		return n, false
	}
	return names.lines(shown[1:], got[1:])
}

// line compares one line.
func (n Names) line(shown, got string) (Names, bool) {
	pattern, names := patternOf(shown)
	found := pattern.FindStringSubmatch(strings.Join(strings.Fields(got), " "))
	if found == nil {
		return n, false
	}
	bound := maps.Clone(n)
	for i, page := range names {
		if page == "" {
			continue
		}
		if !bound.bind(page, found[i+1]) {
			return n, false
		}
	}
	return bound, true
}

// bind remembers a name, unless it, or the one in the cluster, stands for another one.
func (n Names) bind(page, cluster string) bool {
	if known, ok := n[page]; ok {
		return known == cluster
	}
	for _, taken := range n {
		if taken == cluster {
			return false
		}
	}
	n[page] = cluster
	return true
}

// patternOf is what a line of a page matches. It has a group for each thing that varies, and for each the name on the
// page, empty where it is a time.
func patternOf(line string) (pattern *regexp.Regexp, names []string) {
	line = strings.Join(strings.Fields(line), " ")
	var out strings.Builder
	at := 0
	for _, found := range varying.FindAllStringSubmatchIndex(line, -1) {
		out.WriteString(literal(line[at:found[0]]))
		token := line[found[0]:found[1]]
		out.WriteString("(" + shapeOf(token) + ")")
		if found[2] < 0 {
			token = ""
		}
		names = append(names, token)
		at = found[1]
	}
	out.WriteString(literal(line[at:]))
	return regexp.MustCompile("^" + out.String() + "$"), names
}

func shapeOf(token string) string {
	for _, shape := range shapes {
		if shape.page.MatchString(token) {
			return shape.cluster.String()
		}
	}
	return regexp.QuoteMeta(token)
}

func literal(text string) string {
	return strings.ReplaceAll(regexp.QuoteMeta(text), regexp.QuoteMeta(anything), ".*")
}
