// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
)

// MessageBuilder puts a message together, sentence by sentence. Over all of them it names MaxNamed Pods, and counts the
// others.
type MessageBuilder struct {
	sentences []string
	// named is how many Pods were named.
	named int
}

// String is the whole message.
func (b *MessageBuilder) String() string { return strings.Join(b.sentences, " ") }

// Empty reports whether nothing was said yet.
func (b *MessageBuilder) Empty() bool { return len(b.sentences) == 0 }

// First is the sentence that was said first. There has to be one.
func (b *MessageBuilder) First() string { return b.sentences[0] }

// Say adds a sentence.
func (b *MessageBuilder) Say(format string, args ...any) {
	b.sentences = append(b.sentences, fmt.Sprintf(format, args...))
}

// SayOfOne adds a sentence that names one Pod.
func (b *MessageBuilder) SayOfOne(format string, args ...any) {
	b.named++
	b.Say(format, args...)
}

// Begin puts a sentence before all others.
func (b *MessageBuilder) Begin(sentence string) {
	b.sentences = append([]string{sentence}, b.sentences...)
}

// List says something of count Pods, unless there are none. item is the name of one of them, and what is to be said of
// it; it is asked for no more than are named.
func (b *MessageBuilder) List(intro string, count int, item func(i int) string) {
	b.ListBy(", ", intro, count, item)
}

// ListBy is List with a separator of its own.
func (b *MessageBuilder) ListBy(separator, intro string, count int, item func(i int) string) {
	items := make([]string, min(count, max(0, MaxNamed-b.named)))
	b.named += len(items)
	for i := range items {
		items[i] = item(i)
	}
	switch {
	case count == 0:
	case len(items) == 0:
		b.Say("%s: %s.", intro, Pods(count))
	case len(items) < count:
		b.Say("%s: %s and %d more.", intro, strings.Join(items, separator), count-len(items))
	default:
		b.Say("%s: %s.", intro, strings.Join(items, separator))
	}
}
