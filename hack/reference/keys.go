// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// group is one declaration of constants.
type group struct {
	doc  string
	keys []key
}

// key is a constant of a string.
type key struct{ name, value, doc string }

// groupsOf reads the declarations of constants of a file.
func groupsOf(name string, source []byte) ([]group, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var groups []group
	for _, d := range file.Decls {
		declaration, ok := d.(*ast.GenDecl)
		if !ok || declaration.Tok != token.CONST {
			continue
		}
		g := group{doc: oneLine(declaration.Doc.Text())}
		for _, s := range declaration.Specs {
			k, ok := keyOf(s.(*ast.ValueSpec))
			if !ok {
				continue
			}
			if k.doc == "" {
				// The only constant of a declaration has the comment of that.
				k.doc, g.doc = g.doc, ""
			}
			g.keys = append(g.keys, k)
		}
		if len(g.keys) > 0 {
			groups = append(groups, g)
		}
	}
	return groups, nil
}

func keyOf(spec *ast.ValueSpec) (key, bool) {
	if len(spec.Values) != 1 {
		return key{}, false
	}
	literal, ok := spec.Values[0].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return key{}, false
	}
	value, err := strconv.Unquote(literal.Value)
	return key{name: spec.Names[0].Name, value: value, doc: oneLine(spec.Doc.Text())}, err == nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// kinds are the tables of the page: which constants are in which, by the end of their names.
var kinds = []struct {
	title string
	names *regexp.Regexp
}{
	{"Labels", regexp.MustCompile(`Label(Prefix)?$`)},
	{"Annotations", regexp.MustCompile(`Annotation(Prefix)?$`)},
	{"Labels or annotations", regexp.MustCompile(`Key$`)},
	{"Conditions of Pods", regexp.MustCompile(`Condition$`)},
	{"Variables in injected containers", regexp.MustCompile(`^Sidecar.*Env$`)},
}

const head = `<!-- Made by hack/generate.sh from the constants of api/v1beta1. Do not change it here. -->

# Labels and annotations

What people set, and what the programs write and read. Those of the second kind are OpenKruise's wherever it has them; change none by hand.
`

// page is the page of all keys.
func page(groups []group) string {
	values := map[string]string{}
	for _, g := range groups {
		for _, k := range g.keys {
			values[k.name] = k.value
		}
	}
	var out strings.Builder
	out.WriteString(head)
	for _, kind := range kinds {
		rows := rowsOf(groups, kind.names, values)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n## %s\n\n| key | meaning |\n|---|---|\n%s", kind.title, strings.Join(rows, ""))
	}
	return out.String()
}

func rowsOf(groups []group, names *regexp.Regexp, values map[string]string) []string {
	var rows []string
	for _, g := range groups {
		for _, k := range g.keys {
			if !names.MatchString(k.name) || strings.HasSuffix(k.name, "ReadinessKey") {
				continue
			}
			shown := k.value
			if strings.HasSuffix(k.name, "Prefix") {
				shown += "..."
			}
			rows = append(rows, fmt.Sprintf("| %#q | %s |\n", shown, meaning(k, values)))
		}
	}
	slices.Sort(rows)
	return rows
}

var identifier = regexp.MustCompile(`\b[A-Z][a-z]+(?:[A-Z][A-Za-z]+)+\b`)

// meaning is the comment of a key, for people who do not read Go: other constants are called what they are.
func meaning(k key, values map[string]string) string {
	text := strings.TrimPrefix(k.doc, k.name)
	for _, beginning := range []string{" is, ", " is ", ", ", " "} {
		if rest, ok := strings.CutPrefix(text, beginning); ok {
			text = rest
			break
		}
	}
	text = identifier.ReplaceAllStringFunc(text, func(name string) string {
		if value, ok := values[name]; ok {
			return "`" + value + "`"
		}
		return name
	})
	if first, _, _ := strings.Cut(text, " "); !strings.Contains(first, ".") {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return forTable.Replace(text)
}

// forTable keeps Markdown from reading more into a text than it says.
var forTable = strings.NewReplacer("|", `\|`, "<", "&lt;")
