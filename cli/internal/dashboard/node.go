// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
)

// node is a piece of a page: an element with an id, around others. What a browser has of a page is brought up to date
// node by node.
type node struct {
	id string
	// before and after are the HTML around what it holds.
	before, after string
	inner         []*node
}

func (n *node) write(to io.Writer) {
	_, _ = io.WriteString(to, n.before)
	for _, inner := range n.inner {
		inner.write(to)
	}
	_, _ = io.WriteString(to, n.after)
}

// html is the node as a browser gets it.
func (n *node) html() string {
	var out strings.Builder
	n.write(&out)
	return out.String()
}

// version names what the node looks like.
func (n *node) version() string {
	sum := sha256.New()
	n.write(sum)
	return hex.EncodeToString(sum.Sum(nil)[:12])
}

// patch is new HTML for the element with an id.
type patch struct {
	ID   string `json:"id"`
	HTML string `json:"html"`
}

// changes are the patches that make one node of another with the same id: as few and as small as the nodes allow.
func changes(from, to *node) []patch {
	if !from.around(to) {
		return []patch{{to.id, to.html()}}
	}
	var out []patch
	for i := range to.inner {
		out = append(out, changes(from.inner[i], to.inner[i])...)
	}
	return out
}

// around reports whether two nodes differ at most inside of what they hold.
func (n *node) around(other *node) bool {
	if n.before != other.before || n.after != other.after || len(n.inner) != len(other.inner) {
		return false
	}
	for i := range n.inner {
		if n.inner[i].id != other.inner[i].id {
			return false
		}
	}
	return true
}
