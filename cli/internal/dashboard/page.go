// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/url"
	"slices"
	"strings"

	"github.com/windlass-operator/windlass/cli/internal/show"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// page is what a browser shows between head and foot.
type page struct {
	title string
	// here is the page in the navigation, "" for none.
	here string
	main *node
	// words are what is read out when they change, by what they are about.
	words map[string]string
}

// row is how an object stands.
type row struct {
	*view.Rollout
	ID, Path, Since, Left string
}

func (s *server) row(r *view.Rollout) row {
	return row{
		Rollout: r, ID: domID("row", string(r.Kind), r.Namespace, r.Name), Path: s.path(string(r.Kind), r.Namespace, r.Name),
		Since: show.Since(r.Since, s.Now()), Left: show.About(r.LeftSeconds),
	}
}

// Waits says in lines what Pods wait for.
func (r row) Waits() []string {
	var out []string
	for _, w := range r.Waiting {
		out = append(out, view.Waits(w))
	}
	return out
}

// Word is the first word of the status, which does not count.
func (r row) Word() string {
	word, _, _ := strings.Cut(r.Status, " ")
	return word
}

// path is that of a page. Empty parts are left out.
func (s *server) path(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return s.base + strings.Join(parts, "/")
}

// domID is an id in a page: of names, which have no underscores.
func domID(parts ...string) string { return strings.Join(parts, "_") }

// notices are the node of what cannot be told.
func (s *server) notices(more ...string) *node {
	texts := append(s.source.Notices(), more...)
	for i := range texts {
		texts[i] = sentence(texts[i])
	}
	slices.Sort(texts)
	return leaf("notices", render("notices", slices.Compact(texts)))
}

func texts(errs []error) []string {
	out := make([]string, len(errs))
	for i, err := range errs {
		out[i] = err.Error()
	}
	return out
}
