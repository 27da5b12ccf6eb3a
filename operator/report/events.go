// SPDX-License-Identifier: Apache-2.0

package report

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Event is an event that is about to be recorded.
type Event struct {
	// About is the object that the event is of, and Related another one that it is about. Default of About: the object
	// that was looked at.
	About, Related runtime.Object
	// Kind is Normal or Warning.
	Kind string
	// Reason, Action and Note are those of the event. A note is cut to MaxMessage bytes.
	Reason, Action, Note string
	// Topic is what a warning is of: those of one topic are said once a minute. Default: its reason and its note, so that
	// only the same words are held back.
	Topic string
}

// Normal is an event of what was done.
func Normal(reason, action, note string) Event {
	return Event{Kind: corev1.EventTypeNormal, Reason: reason, Action: action, Note: note}
}

// Warning is an event of what is wrong.
func Warning(reason, action, note string) Event {
	return Event{Kind: corev1.EventTypeWarning, Reason: reason, Action: action, Note: note}
}

// topic is what the event is not to be said of again; "" when it is always said.
func (e Event) topic() string {
	switch {
	case e.Kind != corev1.EventTypeWarning:
		return ""
	case e.Topic != "":
		return e.Topic
	}
	return e.Reason + " " + e.Note
}
