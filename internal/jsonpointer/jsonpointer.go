// SPDX-License-Identifier: Apache-2.0

// Package jsonpointer writes JSON pointers (RFC 6901), as JSON patches need them.
package jsonpointer

import "strings"

var escape = strings.NewReplacer("~", "~0", "/", "~1")

// Path joins the names of nested fields to a pointer, escaping each.
func Path(fields ...string) string {
	var b strings.Builder
	for _, field := range fields {
		b.WriteByte('/')
		b.WriteString(escape.Replace(field))
	}
	return b.String()
}
