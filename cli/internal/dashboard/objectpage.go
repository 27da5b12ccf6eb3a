// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/show"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// object is an object of ours as it was read for its page.
type object struct {
	// target is what can be changed; nil for a SchedPatch, which is patch then.
	target *view.Target
	patch  *v1alpha1.SchedPatch
	tree   *view.Tree
	// nodes are those that a SchedPatch leaves to new Pods; nil where nobody can tell.
	nodes *view.Nodes
	// zones are those of nodes by name.
	zones map[string]string
	// unread says what could not be read.
	unread []string
}

// head is an object, for people.
type head struct {
	row
	Command string
	Notes   []string
}

// objectPage is the page of an object: how it stands, what can be done, its Pods, what would be undone.
func (s *server) objectPage(kind view.Kind) maker {
	return func(ctx context.Context, r *http.Request) (*page, error) {
		ref, namespace := view.Ref{Kind: kind, Name: r.PathValue("name")}, r.PathValue("namespace")
		cluster := s.within(namespace)
		o, err := s.read(ctx, cluster, ref)
		if apierrors.IsNotFound(err) {
			return nil, missing{err}
		}
		if err != nil {
			return nil, err
		}
		row := s.row(o.tree.Root)
		out := &page{title: ref.String(), words: map[string]string{"head": ref.String() + ": " + row.Word()}}
		if title := r.URL.Query().Get("group"); title != "" {
			s.groupPage(out, o, row, title, r.URL.Query().Get("page"))
			return out, nil
		}
		shown := head{row: row, Command: s.command("tree "+ref.String(), namespace), Notes: o.tree.Notes}
		parts := []*node{leaf("head", render("head", shown))}
		history := s.historyNode(ctx, cluster, o)
		parts = append(parts, s.notices(o.unread...))
		parts = append(parts, s.actionsNode(o)...)
		parts = append(parts, nodesNode(o), spreadNode(o), s.groupsNode(o, row), history)
		out.main = branch("main", render("object-page", nil), compact(parts)...)
		return out, nil
	}
}

// compact leaves out nodes that there are not.
func compact(nodes []*node) []*node {
	var out []*node
	for _, n := range nodes {
		if n != nil {
			out = append(out, n)
		}
	}
	return out
}

// read reads an object and its Pods. Where the Pods cannot be read, the object is there all the same.
func (s *server) read(ctx context.Context, cluster *read.Cluster, ref view.Ref) (*object, error) {
	o := &object{}
	var err error
	if ref.Kind == view.SchedPatch {
		err = s.readPatch(ctx, cluster, ref, o)
	} else {
		err = s.readTarget(ctx, cluster, ref, o)
	}
	if err != nil {
		return nil, err
	}
	if nodes, err := cluster.Nodes(ctx); err == nil {
		o.zones = zonesOf(nodes)
	} else {
		o.unread = append(o.unread, err.Error()+"; zones are not known")
	}
	return o, nil
}

func (s *server) readTarget(ctx context.Context, cluster *read.Cluster, ref view.Ref, o *object) error {
	target, err := cluster.Target(ctx, ref)
	if err != nil {
		return err
	}
	o.target = target
	tree, unread, err := cluster.Tree(ctx, ref, s.Now())
	o.unread = texts(unread)
	if err != nil {
		o.unread = append(o.unread, err.Error())
		tree = &view.Tree{Root: target.Row()}
	}
	o.tree = tree
	return nil
}

func (s *server) readPatch(ctx context.Context, cluster *read.Cluster, ref view.Ref, o *object) error {
	objects, err := cluster.Get(ctx, []view.Ref{ref})
	if err != nil {
		return err
	}
	o.patch = &objects.SchedPatches[0]
	o.tree = &view.Tree{Root: view.OfSchedPatch(o.patch)}
	subject, around, unread, err := cluster.Patched(ctx, o.patch)
	o.unread = texts(unread)
	switch {
	case err != nil:
		o.unread = append(o.unread, err.Error())
		return nil
	case subject == nil: // its status says so
		return nil
	}
	o.tree = view.TreeOfSchedPatch(o.patch, subject, around, s.Now())
	if nodes, err := cluster.Nodes(ctx); err == nil {
		o.nodes = view.NodesOf(o.patch, subject, around, nodes, s.Now())
	}
	return nil
}

// actionsNode are the buttons. Where Git manages the object, they say what to commit.
func (s *server) actionsNode(o *object) []*node {
	if o.target == nil || s.ReadOnly {
		return nil
	}
	return []*node{leaf("actions", render("actions", s.pauseOrResume(o.target)))}
}

// fewPods is how many Pods of a group are shown on the page of the object, pageful how many on one of the group's own.
const (
	fewPods = 10
	pageful = 100
)

// pod is a Pod, for people.
type pod struct {
	view.Leaf
	ID, Path, Zone string
}

// group are Pods that are alike, for people.
type group struct {
	ID, Title string
	Count     int
	Tallies   []tally
	// More is how many are not shown, and Path where they are.
	More int
	Path string
}

func (s *server) podRows(o *object, leaves []view.Leaf) []*node {
	out := make([]*node, len(leaves))
	for i := range leaves {
		l := leaves[i]
		shown := pod{
			Leaf: l, ID: domID("pod", l.Namespace, l.Name), Path: s.path("pod", l.Namespace, l.Name), Zone: o.zones[l.Node],
		}
		out[i] = leaf(shown.ID, render("pod-row", shown))
	}
	return out
}

// groupsNode are the Pods, group by group: the first of each.
func (s *server) groupsNode(o *object, row row) *node {
	var inner []*node
	for i := range o.tree.Groups {
		g := &o.tree.Groups[i]
		few := g.Pods[:min(fewPods, len(g.Pods))]
		shown := group{
			ID: groupID(g), Title: g.Title, Count: len(g.Pods), Tallies: tallies(g.Pods),
			More: len(g.Pods) - len(few), Path: row.groupPath(g.Title, 1),
		}
		inner = append(inner, branch(shown.ID, render("group", shown), s.podRows(o, few)...))
	}
	return branch("groups", render("groups", len(inner)), inner...)
}

// paged is one page of a group.
type paged struct {
	group
	From, To          int
	Number, Pages     int
	Earlier, Later    string
	ObjectPath, Whole string
}

// groupPage is a page of the Pods of a group.
func (s *server) groupPage(out *page, o *object, row row, title, number string) {
	for i := range o.tree.Groups {
		g := &o.tree.Groups[i]
		if g.Title != title {
			continue
		}
		pages := (len(g.Pods) + pageful - 1) / pageful
		at, err := strconv.Atoi(number)
		if err != nil || at < 1 || at > pages {
			at = 1
		}
		from, to := (at-1)*pageful, min(at*pageful, len(g.Pods))
		shown := paged{
			group: group{ID: groupID(g), Title: g.Title, Count: len(g.Pods), Tallies: tallies(g.Pods)},
			From:  from + 1, To: to, Number: at, Pages: pages, ObjectPath: row.Path, Whole: row.Ref().String(),
		}
		if at > 1 {
			shown.Earlier = row.groupPath(title, at-1)
		}
		if at < pages {
			shown.Later = row.groupPath(title, at+1)
		}
		out.main = branch("main", render("group-page", shown), s.notices(o.unread...),
			branch(shown.ID, render("group-paged", shown), s.podRows(o, g.Pods[from:to])...))
		return
	}
	out.main = leaf("main", render("group-gone", paged{group: group{Title: title}, ObjectPath: row.Path, Whole: row.Ref().String()}))
}

// version is a recorded revision, for people.
type version struct {
	*view.Revision
	ID, Recorded string
	Diff         string
	// Undo is the button, nil where there is none; Failed why there is none.
	Undo   *action
	Failed string
}

// historyNode are the recorded revisions, newest first, and what going back to each would change.
func (s *server) historyNode(ctx context.Context, cluster *read.Cluster, o *object) *node {
	if o.target == nil {
		return nil
	}
	history, err := s.history(ctx, cluster, o.target)
	if err != nil {
		o.unread = append(o.unread, err.Error())
		return nil
	}
	var inner []*node
	for i := len(history) - 1; i >= 0; i-- {
		shown := s.version(o.target, history[i])
		inner = append(inner, leaf(shown.ID, render("version", shown)))
	}
	return branch("history", render("history", len(inner)), inner...)
}

func (s *server) version(target *view.Target, revision *view.Revision) version {
	out := version{
		Revision: revision, ID: domID("revision", fmt.Sprint(revision.Number)), Recorded: show.Since(&revision.Created, s.Now()),
	}
	var err error
	if out.Diff, err = revision.Diff(); err == nil && !revision.Current && !s.ReadOnly {
		out.Undo, err = s.undo(target, revision, out.Diff)
	}
	if err != nil {
		out.Failed = sentence(err.Error())
	}
	return out
}
