// SPDX-License-Identifier: Apache-2.0

// Package source reads our own source with its types, for tests of what may be written where.
package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Module is the path of our module.
const Module = "github.com/windlass-operator/windlass"

// Package is a package without its tests.
type Package struct {
	// Path is its directory below the module's, with slashes.
	Path  string
	Files []File
	Info  *types.Info
	fset  *token.FileSet
}

// File is one file of a package.
type File struct {
	*ast.File
	// Name is its path below the module's directory, with slashes.
	Name string
}

// At says where something is: "internal/pods/conditions.go:18".
func (p *Package) At(file File, node ast.Node) string {
	return fmt.Sprintf("%s:%d", file.Name, p.fset.Position(node.Pos()).Line)
}

type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	Module                  *struct{ Path, Dir string }
}

// Load reads the packages that patterns such as ./internal/... name, as seen from the module's directory. It compiles
// what they import, which the build cache mostly holds.
func Load(t *testing.T, patterns ...string) []*Package {
	t.Helper()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", Module).Output()
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	command := exec.Command("go", append([]string{
		"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Module",
	}, patterns...)...)
	command.Dir, command.Stderr = strings.TrimSpace(string(root)), os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	exports, own := map[string]string{}, []listed{}
	for decoder := json.NewDecoder(output); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if p.Module != nil && p.Module.Path == Module {
			own = append(own, p)
		}
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("list %v: %v", patterns, err)
	}
	fset := token.NewFileSet()
	imported := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var out []*Package
	for _, p := range own {
		if matches(p.ImportPath, patterns) {
			out = append(out, check(t, fset, imported, p))
		}
	}
	return out
}

// matches tells the packages that were asked for from those that they import.
func matches(path string, patterns []string) bool {
	for _, pattern := range patterns {
		wanted, below := strings.CutSuffix(strings.TrimPrefix(pattern, "./"), "/...")
		if wanted = Module + "/" + wanted; path == wanted || below && strings.HasPrefix(path, wanted+"/") {
			return true
		}
	}
	return false
}

func check(t *testing.T, fset *token.FileSet, imported types.Importer, p listed) *Package {
	t.Helper()
	out := &Package{Path: strings.TrimPrefix(p.ImportPath, Module+"/"), fset: fset, Info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
	}}
	var files []*ast.File
	for _, name := range p.GoFiles {
		parsed, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, parsed)
		out.Files = append(out.Files, File{parsed, out.Path + "/" + name})
	}
	if _, err := (&types.Config{Importer: imported}).Check(p.ImportPath, fset, files, out.Info); err != nil {
		t.Fatalf("%s: %v", p.ImportPath, err)
	}
	return out
}

// Named is the defined type that a type is, points to, or is a list of; nil if there is none.
func Named(t types.Type) *types.Named {
	for {
		switch u := types.Unalias(t).(type) {
		case *types.Named:
			return u
		case *types.Pointer:
			t = u.Elem()
		case *types.Slice:
			t = u.Elem()
		default:
			return nil
		}
	}
}
