// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// eventStream is what a browser accepts that listens to server-sent events.
	eventStream = "text/event-stream"
	// whole is what it asks for instead, again and again, when it cannot listen.
	whole = "application/json"
)

const (
	// aging is how often a page is made anew although nothing has changed: ages go on.
	aging = 10 * time.Second
	// pace is how long there is between two updates of a page at least.
	pace = 250 * time.Millisecond
	// share is how much longer a page rests than it takes to be made, so that changes of many Pods leave this machine in
	// peace.
	share = 3
)

// update is what has become of a page.
type update struct {
	// Version is that of the page as it is now.
	Version string  `json:"version"`
	Changes []patch `json:"changes"`
	// Say is what is read out.
	Say string `json:"say,omitempty"`
	// Notice says that the page could not be made anew, and why; "" when it could.
	Notice string `json:"notice"`
}

// answerWhole answers with the whole page, if it is not the one that the browser has.
func answerWhole(w http.ResponseWriter, r *http.Request, made *page) {
	version := made.main.version()
	if r.Header.Get("If-None-Match") == version {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	answerWith(w, http.StatusOK, update{Version: version, Changes: []patch{{made.main.id, made.main.html()}}})
}

func answerWith(w http.ResponseWriter, status int, u update) {
	w.Header().Set("Content-Type", whole)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(u)
}

// notMade says why a browser keeps the version that it has.
func notMade(version string, err error) update {
	return update{Version: version, Notice: "Not read anew: " + sentence(err.Error()) + " It is tried again."}
}

// stream sends what becomes of a page, until the browser has gone. It begins with the difference to the version that
// the browser has.
func (s *server) stream(w http.ResponseWriter, r *http.Request, pageOf func(*http.Request) (*page, error)) {
	w.Header().Set("Content-Type", eventStream)
	out := &listener{w: w, control: http.NewResponseController(w), has: r.URL.Query().Get("at")}
	out.write(": here\n\n") // the browser knows now that streams come through
	for out.err == nil {
		changed, began := s.source.Changed(), time.Now()
		made, err := pageOf(r)
		if r.Context().Err() != nil {
			return
		}
		out.send(made, err)
		pause(r, max(pace, share*time.Since(began)))
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		case <-time.After(aging):
		}
	}
}

// pause waits, unless the browser goes.
func pause(r *http.Request, d time.Duration) {
	select {
	case <-r.Context().Done():
	case <-time.After(d):
	}
}

// listener is a browser that listens.
type listener struct {
	w       http.ResponseWriter
	control *http.ResponseController
	// has is the version of the page that it has; last is that page, nil at first.
	has  string
	last *page
	// failing: it was told that the page cannot be made.
	failing bool
	err     error
}

// send sends what has changed. A browser to which nothing is sent for long is told so.
func (l *listener) send(made *page, err error) {
	if err != nil {
		l.failing = true
		l.event(notMade(l.has, err))
		return
	}
	u := update{Version: made.main.version()}
	switch {
	case u.Version == l.has:
	case l.last == nil:
		u.Changes = []patch{{made.main.id, made.main.html()}}
	default:
		u.Changes, u.Say = changes(l.last.main, made.main), news(l.last.words, made.words)
	}
	l.last, l.has = made, u.Version
	if len(u.Changes) > 0 || l.failing {
		l.failing = false
		l.event(u)
		return
	}
	l.write(": nothing new\n\n")
}

func (l *listener) event(u update) {
	data, err := json.Marshal(u)
	if err != nil {
		l.err = err
		return
	}
	l.write(fmt.Sprintf("data: %s\n\n", data))
}

func (l *listener) write(text string) {
	if _, err := l.w.Write([]byte(text)); err != nil {
		l.err = err
		return
	}
	l.err = l.control.Flush()
}

// fewWords is how much is read out at once.
const fewWords = 3

// news are the words that have changed, to be read out.
func news(before, after map[string]string) string {
	var out []string
	for about, words := range after {
		if before[about] != words {
			out = append(out, words)
		}
	}
	slices.Sort(out)
	more := ""
	if n := len(out) - fewWords; n > 0 {
		out, more = out[:fewWords], fmt.Sprintf(" And %d more.", n)
	}
	if len(out) == 0 {
		return ""
	}
	return strings.Join(out, ". ") + "." + more
}
