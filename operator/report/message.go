// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/windlass-operator/windlass/internal/shorten"
)

const (
	// MaxMessage is how many bytes the message of a condition, or the note of an event, has at most. The API server
	// refuses longer notes.
	MaxMessage = 1024
	// maxBrief is how many bytes a message has at most beside the one of Ready.
	maxBrief = 300
	// MaxNamed is how many objects a message names.
	MaxNamed = 5
)

// Message is a text that a condition may have: no longer than MaxMessage, and not empty.
func Message(text string) string { return shorten.To(cmp.Or(text, "-"), MaxMessage) }

// Brief keeps short what Ready says at length.
func Brief(text string) string { return shorten.To(text, maxBrief) }

// Count writes a number of things of a kind: "1 Pod", "2 Pods".
func Count(n int, kind string) string {
	if n == 1 {
		return "1 " + kind
	}
	return fmt.Sprintf("%d %ss", n, kind)
}

// Pods writes a number of Pods: "1 Pod", "2 Pods".
func Pods(n int) string { return Count(n, "Pod") }

// PodsThat writes a number of Pods with the verb for one or for several of them: "1 Pod is", "2 Pods are".
func PodsThat(n int, one, several string) string {
	if n == 1 {
		return "1 Pod " + one
	}
	return Pods(n) + " " + several
}

// PodsAre writes a number of Pods: "1 Pod is", "2 Pods are".
func PodsAre(n int) string { return PodsThat(n, "is", "are") }

// Some names the first object of a kind and counts the others; "" for none.
func Some(kind string, names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return kind + " " + names[0]
	}
	return fmt.Sprintf("%s, %s %s the first", Count(len(names), kind), kind, names[0])
}

// Names lists MaxNamed names, and counts the others.
func Names(names []string) string { return NamesUpTo(MaxNamed, names) }

// NamesUpTo lists so many names at most, and counts the others.
func NamesUpTo(most int, names []string) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// NamesOf are the names of some items.
func NamesOf[T any](items []T, name func(T) string) []string {
	out := make([]string, len(items))
	for i := range items {
		out[i] = name(items[i])
	}
	return out
}
