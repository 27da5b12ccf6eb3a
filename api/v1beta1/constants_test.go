// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Two names for one key, or one key for two purposes, is a mistake that nothing else would notice.
func TestConstantsOfOneSortDiffer(t *testing.T) {
	sorts := map[string]func(name string) bool{
		"keys of annotations and labels": func(name string) bool {
			return strings.HasSuffix(name, "Annotation") || strings.HasSuffix(name, "Label") ||
				strings.HasSuffix(name, "Key") || strings.HasSuffix(name, "Prefix")
		},
		"types of conditions": func(name string) bool {
			return strings.HasPrefix(name, "Condition") || strings.HasSuffix(name, "Condition")
		},
		"reasons":               func(name string) bool { return strings.HasPrefix(name, "Reason") },
		"environment variables": func(name string) bool { return strings.HasSuffix(name, "Env") },
		"lifecycle states": func(name string) bool {
			return strings.HasPrefix(name, "LifecycleState") && !strings.HasSuffix(name, "Label")
		},
	}
	constants := stringConstants(t)
	for sort, belongs := range sorts {
		t.Run(sort, func(t *testing.T) {
			nameOf := map[string]string{}
			for _, c := range constants {
				if !belongs(c.name) {
					continue
				}
				if other, taken := nameOf[c.value]; taken {
					t.Errorf("%s and %s are both %q", other, c.name, c.value)
				}
				nameOf[c.value] = c.name
			}
			if len(nameOf) < 2 {
				t.Errorf("found only %v: the rule that picks these constants is wrong", nameOf)
			}
		})
	}
}

type constant struct{ name, value string }

// stringConstants are the string constants of this package, sorted by name.
func stringConstants(t *testing.T) []constant {
	t.Helper()
	var found []constant
	for _, file := range sourceFiles(t) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, constant{spec.Names[0].Name, value})
			}
			return true
		})
	}
	slices.SortFunc(found, func(a, b constant) int { return strings.Compare(a.name, b.name) })
	return found
}

func sourceFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "zz_") {
			names = append(names, name)
		}
	}
	return names
}
