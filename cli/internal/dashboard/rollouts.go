// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/windlass-operator/windlass/cli/internal/show"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/operator/report"
)

// healths are in the order in which people want to see them.
var healths = []view.Health{view.Wrong, view.Working, view.Fine}

// rolloutsPage is the table of all objects: what needs a person first, and otherwise as the command has it.
func (s *server) rolloutsPage(ctx context.Context, _ *http.Request) (*page, error) {
	rollouts, unread, err := s.within(s.Namespace).Rollouts(ctx, nil, s.Now())
	if err != nil {
		unread = append(unread, err)
	}
	slices.SortStableFunc(rollouts, func(a, b *view.Rollout) int {
		return cmp.Compare(slices.Index(healths, a.Health), slices.Index(healths, b.Health))
	})
	out := &page{title: "Rollouts", here: "rollouts", words: map[string]string{}}
	var rows []*node
	for _, r := range rollouts {
		row := s.row(r)
		rows = append(rows, leaf(row.ID, render("rollout-row", row)))
		out.words[row.ID] = r.Ref().String() + ": " + row.Word()
	}
	out.main = branch("main", render("rollouts-page", nil),
		leaf("summary", render("summary", s.summary(rollouts, err == nil))), s.notices(texts(unread)...),
		branch("rollouts", render("rollouts", rollouts), rows...))
	return out, nil
}

// summary counts in a sentence how objects are.
func (s *server) summary(rollouts []*view.Rollout, read bool) string {
	where := "in any namespace"
	if s.Namespace != "" {
		where = "in namespace " + s.Namespace
	}
	switch {
	case !read:
		return ""
	case len(rollouts) == 0:
		return "There is no SidecarSet, no StatefulSet of apps.kruise.io and no SchedPatch " + where + " that you may see."
	}
	count := map[view.Health]int{}
	for _, r := range rollouts {
		count[r.Health]++
	}
	words := map[view.Health]string{view.Wrong: "to look after", view.Working: "under way", view.Fine: "fine"}
	var parts []string
	for _, health := range healths {
		if n := count[health]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words[health]))
		}
	}
	return report.Count(len(rollouts), "object") + ": " + strings.Join(parts, ", ") + "."
}

// exclusion is an excluded node, for people.
type exclusion struct {
	*view.Exclusion
	ID, Path, SinceText, EndsIn, Lift string
}

// exclusionsPage is the table of excluded nodes.
func (s *server) exclusionsPage(ctx context.Context, _ *http.Request) (*page, error) {
	objects, err := s.within(s.Namespace).Get(ctx, []view.Ref{{Kind: view.SchedPatch}})
	out := &page{title: "Excluded nodes", here: "exclusions", words: map[string]string{}}
	if err != nil {
		out.main = branch("main", render("exclusions-page", nil), s.notices(err.Error()))
		return out, nil
	}
	exclusions, unreadable := view.Exclusions(objects.SchedPatches, s.Now())
	var rows []*node
	for i := range exclusions {
		e := &exclusions[i]
		shown := exclusion{
			Exclusion: e, ID: domID("node", e.Namespace, e.StatefulSet, e.Node), Path: s.path(string(view.StatefulSet), e.Namespace, e.StatefulSet),
			SinceText: show.Since(&e.Since, s.Now()), EndsIn: show.Until(e.Until, s.Now()),
			Lift: s.command("exclusions --lift "+e.Node, e.Namespace),
		}
		rows = append(rows, leaf(shown.ID, render("exclusion-row", shown)))
		out.words[shown.ID] = fmt.Sprintf("Node %s is excluded for asts/%s", e.Node, e.StatefulSet)
	}
	out.main = branch("main", render("exclusions-page", nil), s.notices(texts(unreadable)...),
		branch("exclusions", render("exclusions", exclusions), rows...))
	return out, nil
}
