// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Record is what auto remediation has done for one set. Its SchedPatch carries it as JSON in the annotation
// RemediationExclusionsAnnotation. Times have whole seconds.
type Record struct {
	// Exclusions are the nodes that are excluded, one entry each, and for a day those that were.
	Exclusions []Exclusion `json:"exclusions,omitempty"`
	// Attempts are the Pods that were deleted, one entry for each ordinal and revision, until the Pod has been ready
	// for an hour or is not wanted any more.
	Attempts []Attempt `json:"attempts,omitempty"`
}

// Exclusion is a node that Pods of the set are kept away from.
type Exclusion struct {
	// Node is the Node's name, UID and BootID what it was by then: a Node that was recreated, or rebooted, is another one.
	Node   string    `json:"node"`
	UID    types.UID `json:"uid,omitempty"`
	BootID string    `json:"bootID,omitempty"`
	// Hostname is the value of the Node's label kubernetes.io/hostname, "" when it has none or shares it with another
	// Node.
	Hostname string `json:"hostname,omitempty"`
	// Key is what could not be started there.
	Key Key `json:"key"`
	// Reason is what was seen.
	Reason string `json:"reason,omitempty"`
	// FirstSeen is when the exclusion began, Expires when it ends, or ended.
	FirstSeen metav1.Time `json:"firstSeen"`
	Expires   metav1.Time `json:"expires"`
	// Strikes is how often the node has been excluded.
	Strikes int `json:"strikes"`
	// Probe means that the node may not be at fault: the Pod is tried elsewhere.
	Probe bool `json:"probe,omitempty"`
	// Deleted means that a Pod has gone because of it. Until then it may end without having come to anything, as when
	// the webhooks never served it.
	Deleted bool `json:"deleted,omitempty"`
}

// Key is what Pods have in common that ought to start, or fail, alike.
type Key struct {
	Revision string `json:"revision"`
	// Image of the container that waits, "" for trouble with the sandbox.
	Image string `json:"image,omitempty"`
	// Refused means that the kubelet did not take the Pod, so that neither image nor sandbox has been tried there.
	Refused bool `json:"refused,omitempty"`
}

// Attempt is how often the Pod of an ordinal was deleted at a revision.
type Attempt struct {
	Ordinal  int    `json:"ordinal"`
	Revision string `json:"revision"`
	// Deletes counts them, the one that is under way included.
	Deletes int `json:"deletes"`
	// Last is when the last one was begun.
	Last metav1.Time `json:"last"`
	// Pod is the UID of the Pod that is to be deleted, or whose replacement has not started yet; "" when the attempt is
	// over.
	Pod types.UID `json:"pod,omitempty"`
	// Node is the one that the Pod is deleted because of, "" when it is recreated because it carries an exclusion that
	// is over.
	Node string `json:"node,omitempty"`
	// Refusals is how often the API server refused to delete that Pod, Refused what it said last, and RefusedAt when
	// that was.
	Refusals  int          `json:"refusals,omitempty"`
	Refused   string       `json:"refused,omitempty"`
	RefusedAt *metav1.Time `json:"refusedAt,omitempty"`
}

// memory is how long an exclusion is remembered after its end.
const memory = 24 * time.Hour

// ParseRecord reads a record. It is tolerant of a person's edits: an entry that cannot be read, or names no node, is
// left out, and so are unknown fields. It fails for text that is no JSON object, of which nothing could be known.
func ParseRecord(text string) (Record, error) {
	raw := struct {
		Exclusions []json.RawMessage `json:"exclusions"`
		Attempts   []json.RawMessage `json:"attempts"`
	}{}
	if strings.TrimSpace(text) == "" {
		return Record{}, nil
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return Record{}, fmt.Errorf("no JSON object with lists exclusions and attempts: %w", err)
	}
	r := Record{
		Exclusions: readEach(raw.Exclusions, func(e *Exclusion) bool { return e.Node != "" && e.Strikes >= 0 }),
		Attempts: readEach(raw.Attempts, func(a *Attempt) bool {
			return a.Ordinal >= 0 && a.Revision != "" && a.Deletes >= 0 && a.Refusals >= 0
		}),
	}
	r.unify()
	return r, nil
}

func readEach[T any](items []json.RawMessage, valid func(*T) bool) []T {
	var out []T
	for _, item := range items {
		var entry T
		if err := json.Unmarshal(item, &entry); err == nil && valid(&entry) {
			out = append(out, entry)
		}
	}
	return out
}

// unify sorts the entries and keeps one for each node, and for each ordinal and revision: the one with the later time.
func (r *Record) unify() {
	slices.SortStableFunc(r.Exclusions, func(a, b Exclusion) int {
		return order(strings.Compare(a.Node, b.Node), b.Expires.Compare(a.Expires.Time))
	})
	r.Exclusions = slices.CompactFunc(r.Exclusions, func(a, b Exclusion) bool { return a.Node == b.Node })
	slices.SortStableFunc(r.Attempts, func(a, b Attempt) int {
		return order(a.Ordinal-b.Ordinal, strings.Compare(a.Revision, b.Revision), b.Last.Compare(a.Last.Time))
	})
	r.Attempts = slices.CompactFunc(r.Attempts, func(a, b Attempt) bool { return a.Ordinal == b.Ordinal && a.Revision == b.Revision })
}

func order(comparisons ...int) int {
	for _, c := range comparisons {
		if c != 0 {
			return c
		}
	}
	return 0
}

// String writes a record as the annotation has it. Equal records give equal texts.
func (r *Record) String() string {
	text, err := json.Marshal(r)
	if err != nil { // times and texts can always be written
		panic(fmt.Sprintf("record of exclusions: %v", err))
	}
	return string(text)
}

// Empty reports whether there is nothing to remember.
func (r *Record) Empty() bool { return len(r.Exclusions)+len(r.Attempts) == 0 }

// copied is the same record, to be changed.
func (r *Record) copied() Record {
	return Record{Exclusions: slices.Clone(r.Exclusions), Attempts: slices.Clone(r.Attempts)}
}

// ActiveAt reports whether the node is excluded.
func (e *Exclusion) ActiveAt(now time.Time) bool { return now.Before(e.Expires.Time) }

// end ends the exclusion now.
func (e *Exclusion) end(now time.Time) { e.Expires = metav1.NewTime(now.Truncate(time.Second)) }

// end ends the attempt.
func (a *Attempt) end() { a.Pod, a.Refusals, a.Refused, a.RefusedAt = "", 0, "", nil }

// exclusion returns the entry of a node, nil when there is none.
func (r *Record) exclusion(node string) *Exclusion {
	for i := range r.Exclusions {
		if r.Exclusions[i].Node == node {
			return &r.Exclusions[i]
		}
	}
	return nil
}

// active reports whether a node is excluded.
func (r *Record) active(node string, now time.Time) bool {
	e := r.exclusion(node)
	return e != nil && e.ActiveAt(now)
}

// actives are the exclusions in force, by node.
func (r *Record) actives(now time.Time) []*Exclusion {
	var out []*Exclusion
	for i := range r.Exclusions {
		if r.Exclusions[i].ActiveAt(now) {
			out = append(out, &r.Exclusions[i])
		}
	}
	return out
}

// attempt returns the entry of an ordinal and revision, nil when there is none.
func (r *Record) attempt(ordinal int, revision string) *Attempt {
	for i := range r.Attempts {
		if r.Attempts[i].Ordinal == ordinal && r.Attempts[i].Revision == revision {
			return &r.Attempts[i]
		}
	}
	return nil
}

// exclude adds or renews the exclusion of a node.
func (r *Record) exclude(e Exclusion) {
	if old := r.exclusion(e.Node); old != nil {
		*old = e
		return
	}
	r.Exclusions = append(r.Exclusions, e)
	r.unify()
}

// begin notes that the Pod of an ordinal is about to be deleted.
func (r *Record) begin(a Attempt) {
	if old := r.attempt(a.Ordinal, a.Revision); old != nil {
		*old = a
		return
	}
	r.Attempts = append(r.Attempts, a)
	r.unify()
}

// prune forgets the exclusions that ended a day ago. What attempts count is limited for each ordinal and revision, and
// not for each day.
func (r *Record) prune(now time.Time) {
	forgotten := now.Add(-memory)
	r.Exclusions = slices.DeleteFunc(r.Exclusions, func(e Exclusion) bool { return !e.Expires.After(forgotten) })
}

// later is a time some time after another one, as records have it: in whole seconds.
func later(t time.Time, by time.Duration) metav1.Time {
	return metav1.NewTime(t.Add(by).Truncate(time.Second))
}

// clockTime writes a time for people.
func clockTime(t metav1.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
