// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Page is one Markdown file.
type Page struct {
	// Path is where it is, from the root of the repository.
	Path string
	// Blocks are its code blocks and its setups, in their order.
	Blocks []Block
	// Links are where it leads to.
	Links []Link
	// Anchors are the ends of links that lead to its headings.
	Anchors map[string]bool

	source []byte
}

// Link is one link or picture of a page.
type Link struct {
	Line        int
	Destination string
}

// Read reads a page of the repository whose root is named.
func Read(root, path string) (*Page, error) {
	source, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	return Parse(path, source)
}

// Parse reads a page from its source.
func Parse(path string, source []byte) (*Page, error) {
	p := &Page{Path: path, Anchors: map[string]bool{}, source: source}
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	err := ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		return ast.WalkContinue, p.visit(node)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func (p *Page) visit(node ast.Node) error {
	switch n := node.(type) {
	case *ast.Heading:
		p.addAnchor(p.textOf(n))
	case *ast.Link:
		p.addLink(n, string(n.Destination))
	case *ast.Image:
		p.addLink(n, string(n.Destination))
	case *ast.RawHTML:
		p.addHTML(n, string(n.Segments.Value(p.source)))
	case *ast.HTMLBlock:
		html := p.htmlOf(n)
		p.addHTML(n, html)
		if script, ok := setupIn(html); ok {
			p.Blocks = append(p.Blocks, Block{Kind: Setup, Line: p.line(n), Text: script})
		}
	case *ast.FencedCodeBlock:
		block, err := p.block(n)
		if err != nil {
			return err
		}
		p.Blocks = append(p.Blocks, block)
	}
	return nil
}

// line is that of the first character that a node has, or that the nearest node around it has.
func (p *Page) line(node ast.Node) int {
	for ; node != nil; node = node.Parent() {
		if node.Type() == ast.TypeInline || node.Lines().Len() == 0 {
			continue
		}
		return 1 + bytes.Count(p.source[:node.Lines().At(0).Start], []byte("\n"))
	}
	return 1
}

// textOf is what a reader sees of a node.
func (p *Page) textOf(node ast.Node) string {
	var out strings.Builder
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			out.Write(t.Segment.Value(p.source))
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}

func (p *Page) htmlOf(n *ast.HTMLBlock) string {
	html := string(n.Lines().Value(p.source))
	if n.HasClosure() {
		html += string(n.ClosureLine.Value(p.source))
	}
	return html
}

func (p *Page) addLink(node ast.Node, destination string) {
	p.Links = append(p.Links, Link{Line: p.line(node), Destination: destination})
}

var sources = regexp.MustCompile(`(?:src|srcset|href)="([^"]+)"`)

// addHTML notes the links of HTML, of which pages have hardly any.
func (p *Page) addHTML(node ast.Node, html string) {
	for _, found := range sources.FindAllStringSubmatch(html, -1) {
		p.addLink(node, found[1])
	}
	if id := regexp.MustCompile(`<a (?:id|name)="([^"]+)"`).FindStringSubmatch(html); id != nil {
		p.Anchors[id[1]] = true
	}
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`)

// addAnchor notes what leads to a heading, as GitHub makes it. The second heading of a name gets a number.
func (p *Page) addAnchor(heading string) {
	anchor := strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
	unique := anchor
	for i := 1; p.Anchors[unique]; i++ {
		unique = fmt.Sprintf("%s-%d", anchor, i)
	}
	p.Anchors[unique] = true
}

// Pages lists the Markdown files of the repository, sorted, from its root; what tools and other people's programs have
// put there is left out.
func Pages(root string) ([]string, error) {
	var pages []string
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "bin" || entry.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		relative, err := filepath.Rel(root, path)
		pages = append(pages, filepath.ToSlash(relative))
		return err
	})
	slices.Sort(pages)
	return pages, err
}

// ForUsers reports whether a page is one of those whose commands and manifests are tried: README.md and what is below
// docs/, but for the runbooks, whose commands are about what an alert names.
func ForUsers(path string) bool {
	return path == "README.md" || strings.HasPrefix(path, "docs/") && !strings.HasPrefix(path, "docs/runbooks/")
}
