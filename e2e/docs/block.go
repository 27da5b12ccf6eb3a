// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// Kind is what is done with a block.
type Kind string

const (
	// Console is typed into a shell.
	Console Kind = "console"
	// YAML is a manifest, a part of one, or values of the chart.
	YAML Kind = "yaml"
	// Setup is a script that readers do not see, in a comment: it brings about what the page takes for given.
	Setup Kind = "setup"
)

// Block is a code block of a page, or a setup.
type Block struct {
	// Kind is one of those above, or whatever else the page calls the language of the block.
	Kind Kind
	// Line is that of the page where its text begins.
	Line int
	Text string
	// Title is the file that readers save it as.
	Title string
	// NotRun is why it cannot be tried.
	NotRun string
	// PartOf is the kind of which it is a part: sidecarset, statefulset or schedpatch.
	PartOf string

	start, stop int
	indent      string
}

// ChartValues reports whether a YAML block holds values of the chart, as its first line says.
func (b *Block) ChartValues() bool { return strings.HasPrefix(b.Text, "# chart values\n") }

var (
	titled  = regexp.MustCompile(`title="([^"]+)"`)
	setup   = regexp.MustCompile(`(?s)^\s*<!-- setup\n(.*?)-->`)
	comment = regexp.MustCompile(`(?s)^\s*<!-- (not run|part of): (.*?) -->\s*$`)
)

// setupIn is the script of a setup.
func setupIn(html string) (string, bool) {
	found := setup.FindStringSubmatch(html)
	if found == nil {
		return "", false
	}
	return found[1], true
}

func (p *Page) block(n *ast.FencedCodeBlock) (Block, error) {
	b := Block{Kind: Kind(n.Language(p.source)), Line: p.line(n), Text: string(n.Lines().Value(p.source))}
	if n.Info != nil {
		if title := titled.FindSubmatch(n.Info.Segment.Value(p.source)); title != nil {
			b.Title = string(title[1])
		}
	}
	if lines := n.Lines(); lines.Len() > 0 {
		b.start, b.stop = lines.At(0).Start, lines.At(lines.Len()-1).Stop
		b.indent = string(p.source[bytes.LastIndexByte(p.source[:b.start], '\n')+1 : b.start])
	}
	err := b.readComment(p, n)
	return b, err
}

// readComment reads what the comment right before a block says of it.
func (b *Block) readComment(p *Page, n ast.Node) error {
	before, ok := n.PreviousSibling().(*ast.HTMLBlock)
	if !ok {
		return nil
	}
	said := comment.FindStringSubmatch(p.htmlOf(before))
	if said == nil {
		return nil
	}
	if said[1] == "not run" {
		b.NotRun = said[2]
		return nil
	}
	if _, known := wholes[said[2]]; !known {
		return fmt.Errorf("line %d: part of %q; known are sidecarset, statefulset and schedpatch", b.Line, said[2])
	}
	b.PartOf = said[2]
	return nil
}

// Replace gives the page other texts for blocks, by the index of the block, and returns its new source.
func (p *Page) Replace(texts map[int]string) []byte {
	var out bytes.Buffer
	at := 0
	for i := range p.Blocks {
		replacement, ok := texts[i]
		if !ok {
			continue
		}
		b := &p.Blocks[i]
		out.Write(p.source[at:b.start])
		lines := strings.Split(strings.TrimSuffix(replacement, "\n"), "\n")
		out.WriteString(strings.Join(lines, "\n"+b.indent) + "\n")
		at = b.stop
	}
	out.Write(p.source[at:])
	return out.Bytes()
}
