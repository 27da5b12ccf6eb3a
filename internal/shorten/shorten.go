// SPDX-License-Identifier: Apache-2.0

// Package shorten keeps texts for people within bounds.
package shorten

import "strings"

// To cuts a text to at most so many bytes, at least three, and says so by three dots. No character is split.
func To(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-3], "") + "..."
}
