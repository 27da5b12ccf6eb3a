// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/cli/internal/write"
)

// action is a button, and what it stands for.
type action struct {
	// Label is on the button, Post where it leads, Revision what is sent along, 0 for nothing.
	ID, Label, Post string
	Revision        int64
	// Shown stands for the difference that the page shows, where pressing the button is to make that one.
	Shown string
	// Command is what does the same.
	Command string
	// Managed says by whom the object is managed and what to commit instead, "" where the button can be pressed.
	Managed, Commit string
}

// command is how to type something.
func (s *server) command(words, namespace string) string {
	out := "kubectl windlass " + words
	if namespace != "" {
		out += " -n " + namespace
	}
	return out + s.Flags
}

// action is the button for a change of an object.
func (s *server) action(target *view.Target, verb, label string, change *view.Change) action {
	ref, namespace := target.Ref(), target.Object().GetNamespace()
	out := action{
		ID: domID("act", verb), Label: label, Post: s.path(string(ref.Kind), namespace, ref.Name, verb),
		Command: s.command(verb+" "+ref.String(), namespace),
	}
	if manager := view.ManagedBy(target.Object()); manager != nil {
		out.Managed, out.Commit = manager.Claim(ref), strings.Join(change.Commit, "\n")
	}
	return out
}

// pauseOrResume is the one of the two that changes something.
func (s *server) pauseOrResume(target *view.Target) action {
	if change := target.Pause(); len(change.Data) > 0 {
		return s.action(target, "pause", "Pause", &change)
	}
	change := target.Resume()
	return s.action(target, "resume", "Resume", &change)
}

// undo goes back to a revision, which makes a difference. Where it cannot, why is told.
func (s *server) undo(target *view.Target, revision *view.Revision, difference string) (*action, error) {
	change, err := revision.Undo()
	if err != nil {
		return nil, err
	}
	out := s.action(target, "undo", fmt.Sprintf("Go back to revision %d", revision.Number), &change)
	out.ID, out.Revision = domID("act", "undo", strconv.FormatInt(revision.Number, 10)), revision.Number
	out.Shown = digest(difference)
	out.Command = s.command(fmt.Sprintf("undo %s --to-revision %d", target.Ref(), revision.Number), target.Object().GetNamespace())
	return &out, nil
}

// digest stands for a text.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// act changes an object of a kind, and sends the browser back to its page with what was done, or why not.
func (s *server) act(kind view.Kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ref, namespace := view.Ref{Kind: kind, Name: r.PathValue("name")}, r.PathValue("namespace")
		ctx, warnings := heed(r.Context())
		cluster := s.within(namespace)
		cluster.Client = s.source.Live()
		text, err := s.change(ctx, cluster, ref, r)
		n := &note{Text: text, Warnings: warnings.list()}
		if err != nil {
			n.Text, n.Failed = sentence(err.Error()), true
		}
		page := s.path(string(kind), namespace, ref.Name) + "?said=" + s.said.keep(n)
		http.Redirect(w, r, page, http.StatusSeeOther) //nolint:gosec // it begins with our own path, and its parts are escaped
	}
}

func (s *server) change(ctx context.Context, cluster *read.Cluster, ref view.Ref, r *http.Request) (string, error) {
	target, err := cluster.Target(ctx, ref)
	if err != nil {
		return "", err
	}
	var change view.Change
	switch verb := r.PathValue("verb"); verb {
	case "pause":
		change = target.Pause()
	case "resume":
		change = target.Resume()
	case "undo":
		change, err = s.undoing(ctx, cluster, target, r.PostFormValue("revision"), r.PostFormValue("shown"))
	default:
		err = fmt.Errorf("nothing here is called %q; there are pause, resume and undo", verb)
	}
	if err != nil || len(change.Data) == 0 {
		return change.Text, err
	}
	_, _, err = write.Change(ctx, cluster.Client, ref, target.Object(), change, write.Options{})
	return change.Text, err
}

// undoing goes back to a revision, if that makes the difference that was shown.
func (s *server) undoing(ctx context.Context, cluster *read.Cluster, target *view.Target, number, shown string) (view.Change, error) {
	wanted, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return view.Change{}, fmt.Errorf("revision %q is not a number", number)
	}
	history, err := s.history(ctx, cluster, target)
	if err != nil {
		return view.Change{}, err
	}
	revision, err := view.Find(history, wanted)
	if err != nil {
		return view.Change{}, err
	}
	change, err := revision.Undo()
	if err != nil || len(change.Data) == 0 {
		return change, err
	}
	difference, err := revision.Diff()
	if err == nil && digest(difference) != shown {
		err = fmt.Errorf("%s was changed meanwhile: going back to revision %d would make another difference than the one that was shown, "+
			"so nothing was written; look again", target.Ref(), wanted)
	}
	return change, err
}

func (s *server) history(ctx context.Context, cluster *read.Cluster, target *view.Target) ([]*view.Revision, error) {
	recorded, err := cluster.Revisions(ctx, target, s.OperatorNamespace)
	if err != nil {
		return nil, err
	}
	return target.History(recorded)
}

// note is what was said of a change.
type note struct {
	Text     string
	Failed   bool
	Warnings []string
}

// said keeps the last notes, for the pages that they are shown on.
type said struct {
	mu    sync.Mutex
	next  int
	notes map[string]*note
}

// mostNotes is how many are kept.
const mostNotes = 100

func (s *said) keep(n *note) (key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.notes == nil {
		s.notes = map[string]*note{}
	}
	s.next++
	delete(s.notes, strconv.Itoa(s.next-mostNotes))
	key = strconv.Itoa(s.next)
	s.notes[key] = n
	return key
}

func (s *said) of(key string) *note {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes[key]
}

// heeded collects what the API server warns of in one request.
type heeded struct {
	mu   sync.Mutex
	said []string
}

type heededKey struct{}

func heed(ctx context.Context) (context.Context, *heeded) {
	h := &heeded{}
	return context.WithValue(ctx, heededKey{}, h), h
}

func (h *heeded) list() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.said
}

// Warnings hands the API server's warnings to the request that they are about. Nobody else wants to know them.
type Warnings struct{}

var _ rest.WarningHandlerWithContext = Warnings{}

// HandleWarningHeaderWithContext is called with each warning.
func (Warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	const sent = 299 // as the API server does
	if h, ok := ctx.Value(heededKey{}).(*heeded); ok && code == sent {
		h.mu.Lock()
		defer h.mu.Unlock()
		if !slices.Contains(h.said, text) {
			h.said = append(h.said, text)
		}
	}
}
