// SPDX-License-Identifier: Apache-2.0

package internal_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/internal/testing/source"
)

// role is what the files of an edge may do besides importing what they like.
type role int

const (
	// wires: neither reads nor writes the cluster.
	wires role = iota
	reads
	writes
	// anything: tools of tests and of the installation, no part of a controller.
	anything
)

// edges are the files that touch the cluster or the clock. Every other file below operator/ and internal/ is pure: it
// decides on values. A controller that names its files so gets all of this for free. .golangci.yml has the same list.
var edges = []struct {
	pattern string
	role    role
	why     string
}{
	{"operator/main.go", wires, "the program"},
	{"operator/loop/*.go", wires, "the frame of every controller"},
	{"operator/wiring/*.go", wires, "what the controllers share of the manager"},
	{"operator/*/controller*.go", wires, "makes the controller"},
	{"operator/*/watches*.go", wires, "feeds the controller"},
	{"operator/*/indexes*.go", wires, "says by what the cache finds objects"},
	{"operator/*/informers*.go", wires, "starts watches late"},
	{"operator/*/metrics*.go", wires, "counts"},
	{"operator/remediation/events.go", wires, "records events itself"},
	{"operator/*/recorder*.go", wires, "records events"},
	{"operator/*/memory*.go", wires, "remembers between two rounds, and asks the clock"},
	{"operator/*/gather*.go", reads, "makes the Snapshot"},
	{"operator/*/apply*.go", writes, "carries the Plan out"},

	{"operator/apply/*.go", writes, "how a Plan is carried out"},
	{"operator/sidecarset/history.go", wires, "remembers between two rounds, and asks the clock"},
	{"operator/sidecarset/replicas.go", reads, "helps the gatherer"},
	{"operator/schedpatch/owners.go", reads, "helps the gatherer"},
	{"operator/schedpatch/template.go", reads, "helps the gatherer"},
	{"operator/remediation/served.go", reads, "helps the gatherer"},
	{"operator/statefulset/remedy*.go", reads, "finishes the Snapshot with what remediation makes of it"},
	{"operator/refusal/kind.go", wires, "knows what the API server's answers mean"},
	{"operator/probe/*.go", anything, "looks at an installation from outside"},
	{"internal/testing/*.go", anything, "for tests alone"},
	{"internal/testing/*/*.go", anything, "for tests alone"},
}

func edgeOf(t *testing.T, name string) (r role, found bool) {
	t.Helper()
	for _, edge := range edges {
		matched, err := path.Match(edge.pattern, name)
		if err != nil {
			t.Fatal(err)
		}
		if matched {
			return edge.role, true
		}
	}
	return wires, false
}

// impure are what a pure file may not import: ways to reach the cluster, and the clock.
var impure = []string{
	"context", "k8s.io/client-go", "k8s.io/utils/clock", "net/http", "os", "sigs.k8s.io/controller-runtime",
}

// clocks are the functions by which a pure file could ask for the time. The types of package time are for everybody.
var clocks = []string{
	"time.Now", "time.Since", "time.Until", "time.After", "time.AfterFunc", "time.Tick", "time.NewTimer", "time.NewTicker",
	"time.Sleep", "k8s.io/apimachinery/pkg/apis/meta/v1.Now",
}

var packages []*source.Package

func product(t *testing.T) []*source.Package {
	t.Helper()
	if packages == nil {
		packages = source.Load(t, "./operator/...", "./internal/...")
	}
	if len(packages) < 20 {
		t.Fatalf("only %d packages were found", len(packages))
	}
	return packages
}

func TestEveryFileIsPureUnlessItIsAnEdge(t *testing.T) {
	for _, p := range product(t) {
		for _, file := range p.Files {
			if _, edge := edgeOf(t, file.Name); edge {
				continue
			}
			for _, spec := range file.Imports {
				imported := strings.Trim(spec.Path.Value, `"`)
				if slices.ContainsFunc(impure, func(i string) bool { return imported == i || strings.HasPrefix(imported, i+"/") }) {
					t.Errorf("%s imports %s, and is no edge: a pure file decides on values", file.Name, imported)
				}
			}
			calls(p, file, func(call *ast.CallExpr, callee *types.Func) {
				if slices.Contains(clocks, callee.FullName()) {
					t.Errorf("%s asks for the time, and is no edge: the time comes in through the Snapshot", p.At(file, call))
				}
			})
		}
	}
}

func TestEveryEdgeOfTheListIsThere(t *testing.T) {
	var names []string
	for _, p := range product(t) {
		for _, file := range p.Files {
			names = append(names, file.Name)
		}
	}
	for _, edge := range edges {
		if !slices.ContainsFunc(names, func(name string) bool { matched, err := path.Match(edge.pattern, name); return err == nil && matched }) {
			t.Errorf("no file is called %s any more: take it off the list", edge.pattern)
		}
	}
}

func TestOnlyGatherersReadAndOnlyExecutorsWrite(t *testing.T) {
	found := map[role]int{}
	for _, p := range product(t) {
		for _, file := range p.Files {
			role, _ := edgeOf(t, file.Name)
			calls(p, file, func(call *ast.CallExpr, callee *types.Func) {
				does := accessOf(callee)
				found[does]++
				// What is written may be read once more before.
				if does != wires && role != anything && role != does && (role != writes || does != reads) {
					t.Errorf("%s calls %s: gatherers read the cluster, and executors (apply) write to it", p.At(file, call), callee.FullName())
				}
			})
		}
	}
	if found[reads] < 10 || found[writes] < 5 {
		t.Errorf("found only %d calls that read and %d that write", found[reads], found[writes])
	}
}

// accessOf tells reading and writing methods of clients by their names and by their first parameter.
func accessOf(callee *types.Func) role {
	signature := callee.Signature()
	if signature.Recv() == nil || signature.Params().Len() < 2 || signature.Params().At(0).Type().String() != "context.Context" {
		return wires
	}
	if named := source.Named(signature.Params().At(signature.Params().Len() - 1).Type()); named == nil || named.Obj().Pkg() == nil ||
		!strings.HasPrefix(named.Obj().Pkg().Path(), "sigs.k8s.io/controller-runtime/pkg/client") {
		return wires
	}
	switch callee.Name() {
	case "Get", "List":
		return reads
	case "Create", "Update", "Patch", "Delete", "DeleteAllOf", "Apply":
		return writes
	}
	return wires
}

// A controller that is made otherwise has another bound for its retries, and no limit for its reading.
func TestEveryControllerIsMadeByLoop(t *testing.T) {
	found := 0
	for _, p := range product(t) {
		for _, file := range p.Files {
			calls(p, file, func(call *ast.CallExpr, callee *types.Func) {
				switch callee.FullName() {
				case "sigs.k8s.io/controller-runtime/pkg/builder.ControllerManagedBy",
					"sigs.k8s.io/controller-runtime/pkg/controller.New", "sigs.k8s.io/controller-runtime/pkg/controller.NewTypedUnmanaged":
					found++
					if p.Path != "operator/loop" {
						t.Errorf("%s makes a controller: operator/loop does, with its bounds for retries and reading", p.At(file, call))
					}
				}
			})
		}
	}
	if found == 0 {
		t.Error("nobody makes controllers")
	}
}

// Series of objects that are gone are forgotten in one place, and turned off there.
func TestOnlyPackageSeriesHasMetricsOfSingleObjects(t *testing.T) {
	objects, vectors := []string{`"namespace"`, `"sidecarset"`, `"statefulset"`, `"schedpatch"`, `"pod"`, `"node"`}, 0
	for _, p := range product(t) {
		for _, file := range p.Files {
			calls(p, file, func(call *ast.CallExpr, callee *types.Func) {
				name, found := strings.CutPrefix(callee.FullName(), "github.com/prometheus/client_golang/prometheus.New")
				if !found || !strings.HasSuffix(name, "Vec") {
					return
				}
				vectors++
				for _, label := range call.Args[1].(*ast.CompositeLit).Elts {
					if l, ok := label.(*ast.BasicLit); !ok || slices.Contains(objects, l.Value) {
						t.Errorf("%s has a label for objects: operator/series keeps their metrics", p.At(file, label))
					}
				}
			})
		}
	}
	if vectors == 0 {
		t.Error("nobody counts anything")
	}
}

func TestNobodyWritesIntoASnapshotButWhoMakesIt(t *testing.T) {
	for _, p := range product(t) {
		for _, file := range p.Files {
			if role, edge := edgeOf(t, file.Name); edge && (role == reads || role == anything || strings.HasSuffix(file.Name, "/memory.go")) {
				continue // memory.go fills in what is remembered, when the gatherer asks for it
			}
			ast.Inspect(file.File, func(n ast.Node) bool {
				for _, changed := range changes(p.Info, n) {
					if intoSnapshot(p.Info, changed) {
						t.Errorf("%s changes a Snapshot: only the gatherer does", p.At(file, n))
					}
				}
				return true
			})
		}
	}
}

// changes are the expressions that a statement or a call changes.
func changes(info *types.Info, n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			if callee, ok := info.Uses[f.Sel].(*types.Func); ok {
				name = callee.FullName()
			}
		}
		if slices.Contains([]string{
			"clear", "delete", "maps.Copy", "slices.Sort", "slices.SortFunc", "slices.SortStableFunc", "slices.Reverse", "slices.DeleteFunc",
		}, name) && len(n.Args) > 0 {
			return n.Args[:1]
		}
	}
	return nil
}

// intoSnapshot reports whether an expression is reached through a field of a Snapshot.
func intoSnapshot(info *types.Info, e ast.Expr) bool {
	for {
		switch x := e.(type) {
		case *ast.SelectorExpr:
			if named := source.Named(info.TypeOf(x.X)); named != nil && named.Obj().Name() == "Snapshot" {
				return true
			}
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			if named := source.Named(info.TypeOf(x.X)); named != nil && named.Obj().Name() == "Snapshot" {
				return true
			}
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return false
		}
	}
}

// caches are the variables of pure packages that remember something, with the reason. What they remember follows from
// the key alone.
var caches = map[string]string{
	"internal/quantity.known":   "where a Go type has quantities is asked for with every Pod that is cached",
	"internal/sidecar.policies": "a policy is compiled once, and not for each Pod that is admitted",
}

// What a pure package remembers would be an input that no test gives it.
func TestPureFilesRememberNothing(t *testing.T) {
	found := map[string]bool{}
	for _, p := range product(t) {
		variables := map[types.Object]bool{}
		for _, file := range p.Files {
			if _, edge := edgeOf(t, file.Name); edge {
				continue
			}
			for _, name := range globals(file.File) {
				variables[p.Info.Defs[name]] = true
				if remembers(p.Info.Defs[name].Type()) {
					found[p.Path+"."+name.Name] = true
					if caches[p.Path+"."+name.Name] == "" {
						t.Errorf("%s: variable %s remembers between two calls", p.At(file, name), name.Name)
					}
				}
			}
		}
		for _, file := range p.Files {
			ast.Inspect(file.File, func(n ast.Node) bool {
				for _, changed := range changes(p.Info, n) {
					if root := rootOf(changed); root != nil && variables[p.Info.Uses[root]] {
						t.Errorf("%s: variable %s of a pure package is changed", p.At(file, n), root.Name)
					}
				}
				return true
			})
		}
	}
	for name := range caches {
		if !found[name] {
			t.Errorf("there is no %s any more: take it off the list of this test", name)
		}
	}
}

func globals(file *ast.File) (out []*ast.Ident) {
	for _, declaration := range file.Decls {
		if d, ok := declaration.(*ast.GenDecl); ok && d.Tok == token.VAR {
			for _, spec := range d.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if name.Name != "_" {
						out = append(out, name)
					}
				}
			}
		}
	}
	return out
}

// remembers reports whether a type is one to keep things in: of sync, or a cache.
func remembers(t types.Type) bool {
	if _, channel := t.Underlying().(*types.Chan); channel {
		return true
	}
	named := source.Named(t)
	return named != nil && named.Obj().Pkg() != nil &&
		slices.Contains([]string{"sync", "sync/atomic", "k8s.io/utils/lru"}, named.Obj().Pkg().Path())
}

func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.Ident:
			return x
		default:
			return nil
		}
	}
}

// calls visits the calls of functions and methods that are known by name.
func calls(p *source.Package, file source.File, visit func(*ast.CallExpr, *types.Func)) {
	ast.Inspect(file.File, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
			if callee, ok := p.Info.Uses[selector.Sel].(*types.Func); ok {
				visit(call, callee)
			}
		}
		return true
	})
}

// The linter says the same while one types, and says it of the same files.
func TestTheLinterKnowsTheSameEdges(t *testing.T) {
	data, err := os.ReadFile("../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files []string
						Deny  []struct{ Pkg string }
					}
				}
				Forbidigo struct {
					Forbid []struct{ Pattern string }
				}
			}
			Exclusions struct {
				Rules []struct {
					Path    string
					Linters []string
				}
			}
		}
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	files, expressions := []string{"**/operator/**/*.go", "**/internal/**/*.go"}, []string(nil)
	for _, edge := range edges {
		files = append(files, "!**/"+edge.pattern)
		expressions = append(expressions, strings.ReplaceAll(regexp.QuoteMeta(edge.pattern), `\*`, `[^/]*`))
	}
	files = append(files, "!**/e2e/**", "!**/bench/**", "!**/cluster/**", "!**/cli/**", "!$test")
	pure := config.Linters.Settings.Depguard.Rules["pure"]
	if diff := cmp.Diff(files, pure.Files); diff != "" {
		t.Errorf("depguard's rule pure has other files (-want +got):\n%s", diff)
	}
	denied := []string(nil)
	for _, d := range pure.Deny {
		denied = append(denied, d.Pkg)
	}
	if diff := cmp.Diff(impure, denied); diff != "" {
		t.Errorf("depguard's rule pure denies other packages (-want +got):\n%s", diff)
	}
	want := `(^|/)(` + strings.Join(expressions, "|") + `)$`
	got := []string(nil)
	for _, rule := range config.Linters.Exclusions.Rules {
		if slices.Equal(rule.Linters, []string{"forbidigo"}) {
			got = append(got, rule.Path)
		}
	}
	if !slices.Contains(got, want) {
		t.Errorf("no rule lets the edges ask for the time; forbidigo is excluded for\n%q, want\n%q", got, want)
	}
	for _, clock := range clocks {
		name := strings.Replace(clock, "k8s.io/apimachinery/pkg/apis/meta/v1.", "metav1.", 1)
		if !slices.ContainsFunc(config.Linters.Settings.Forbidigo.Forbid, func(f struct{ Pattern string }) bool {
			return regexp.MustCompile(f.Pattern).MatchString(name)
		}) {
			t.Errorf("forbidigo lets %s pass", name)
		}
	}
}
