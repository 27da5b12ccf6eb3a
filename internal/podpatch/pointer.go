// SPDX-License-Identifier: Apache-2.0

package podpatch

import "strings"

var escape = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer joins the names of nested fields to a JSON pointer (RFC 6901), as JSON patches need them, escaping each.
func Pointer(fields ...string) string {
	var b strings.Builder
	for _, field := range fields {
		b.WriteByte('/')
		b.WriteString(escape.Replace(field))
	}
	return b.String()
}
