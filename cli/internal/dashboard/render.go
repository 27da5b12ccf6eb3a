// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/windlass-operator/windlass/cli/internal/view"
)

//go:embed templates
var templateFiles embed.FS

// hole is where a template leaves room for the nodes that it is around.
const hole = "\x00"

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"inner":  func() template.HTML { return hole },
	"tone":   tone,
	"lines":  func(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") },
	"begins": strings.HasPrefix,
}).ParseFS(templateFiles, "templates/*.html"))

// tone is the class by which things get the colour, and the mark, of a health.
func tone(h view.Health) string { return strings.ToLower(string(h)) }

// layout is the frame of all pages.
type layout struct {
	Title, Base, Context, Namespace, Version string
	// Here is the page in the navigation, "" for none of them.
	Here     string
	ReadOnly bool
	Note     *note
	Main     template.HTML
}

type failure struct{ Title, Text string }

func writeTo(out io.Writer, name string, data any) {
	if err := templates.ExecuteTemplate(out, name, data); err != nil {
		// Either nobody listens any more, or a template does not fit its data, which the tests of its page say.
		fmt.Fprintf(out, "<!-- %s -->", template.HTMLEscapeString(err.Error()))
	}
}

func render(name string, data any) string {
	var out strings.Builder
	writeTo(&out, name, data)
	return out.String()
}

// trusted is HTML that templates have made.
func trusted(html string) template.HTML {
	return template.HTML(html) //nolint:gosec // it was made by the templates, which escape what they are given
}

// leaf is a node that holds no others.
func leaf(id, html string) *node { return &node{id: id, before: html} }

// branch is a node around others.
func branch(id, html string, inner ...*node) *node {
	before, after, _ := strings.Cut(html, hole)
	return &node{id: id, before: before, after: after, inner: inner}
}

// sentence begins with a capital letter, unless with a name such as asts/web, and ends with a full stop.
func sentence(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if first, size := utf8.DecodeRuneInString(text); size > 0 && !strings.Contains(word, "/") {
		text = string(unicode.ToUpper(first)) + text[size:]
	}
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}
