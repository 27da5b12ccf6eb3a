// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Summary is what an object is said to be in the column STATUS, and since when.
type Summary struct {
	Text  string
	Since *metav1.Time
}

// Next is the summary with another text. It is since now only if the text begins with another word: what is rolling
// goes on to roll while its numbers change.
func (s Summary) Next(text string, now metav1.Time) Summary {
	if s.Since == nil || word(s.Text) != word(text) {
		return Summary{text, &now}
	}
	return Summary{text, s.Since}
}

func word(text string) string {
	first, _, _ := strings.Cut(text, " ")
	return strings.TrimSuffix(first, ":")
}

// WithCause appends why, in one word, unless there is none.
func WithCause(text, cause string) string {
	if cause == "" {
		return text
	}
	return text + ": " + cause
}
