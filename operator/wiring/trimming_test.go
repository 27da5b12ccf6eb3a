// SPDX-License-Identifier: Apache-2.0

package wiring_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/testing/source"
)

// whole are the functions, and files that begin so, that see no trimmed objects, with the reason.
var whole = map[string]string{
	"internal/inplace/difference.go":       "it compares templates",
	"internal/inplace:resize":              "it compares templates",
	"internal/sidecar/inject_":             "the webhook injects into Pods as they are created",
	"internal/pull/pod.go":                 "the Pod that a puller is for is read whole",
	"operator/remediation:candidatesAlike": "what may be deleted is read whole: Snapshot.Details",
	"operator/remediation:candidatesOf":    "what may be deleted is read whole: Snapshot.Details",
	"operator/remediation:carries":         "what may be deleted is read whole: Snapshot.Details",
	"operator/remediation:claimName":       "what may be deleted is read whole: Snapshot.Details",
	"operator/remediation:writableVolume":  "what may be deleted is read whole: Snapshot.Details",
	"operator/remediation:written":         "what may be deleted is read whole: Snapshot.Details",
	"operator/schedpatch:newPods":          "it looks at the target's template",
	"operator/schedpatch:consequences":     "it looks at the target's template",
	"operator/statefulset:newImages":       "it looks at the template of the set",
	"operator/statefulset:restartsLater":   "it looks at the templates of revisions",
	"operator/statefulset:owedChange":      "it looks at the templates of revisions",
	"operator/statefulset:mounts":          "it looks at a template's containers",
}

// elsewhere are the fields of Kubernetes' kinds that functions of Kubernetes read, which are given whole objects.
var elsewhere = map[string][]string{
	"k8s.io/kubernetes/pkg/apis/core/v1/helper/qos.ComputePodQOS": {
		"PodSpec.Resources", "PodSpec.Containers", "PodSpec.InitContainers", "Container.Resources",
	},
	"k8s.io/component-helpers/scheduling/corev1.FindMatchingUntoleratedTaint":              {"Taint.Key", "Taint.Value", "Taint.Effect"},
	"(k8s.io/component-helpers/scheduling/corev1/nodeaffinity.RequiredNodeAffinity).Match": {"ObjectMeta.Name", "ObjectMeta.Labels"},
	"(*k8s.io/component-helpers/scheduling/corev1/nodeaffinity.NodeSelector).Match":        {"ObjectMeta.Name", "ObjectMeta.Labels"},
}

// A field that the cache drops is empty for whoever reads it, for ever: it would read as "differs", or as "is not
// there", and nothing would say why.
func TestEveryFieldThatIsReadOfCachedPodsSurvivesTheCache(t *testing.T) {
	kept := fields{}
	for _, object := range []struct {
		whole any
		trim  func(any) (any, error)
	}{{&corev1.Pod{}, podcache.Trim}, {&corev1.Node{}, podcache.TrimNode}, {&policyv1.PodDisruptionBudget{}, disruption.Trim}} {
		fill(reflect.ValueOf(object.whole).Elem(), 0)
		trimmed, err := object.trim(object.whole)
		if err != nil {
			t.Fatal(err)
		}
		kept.add(reflect.ValueOf(trimmed).Elem())
	}
	used := map[string]bool{}
	for _, p := range source.Load(t, "./operator/...", "./internal/pods", "./internal/inplace", "./internal/sidecar", "./internal/pull", "./internal/scheduling", "./internal/podpatch",
		"./internal/disruption", "./internal/podready", "./internal/lifecycle") {
		for _, file := range p.Files {
			for _, read := range reads(p, file, kept) {
				if exempt := exemption(read); exempt != "" {
					used[exempt] = true
					continue
				}
				t.Errorf("%s reads %s, which the cache drops: keep it in internal/podcache", read.at, read.field)
			}
		}
	}
	for name := range whole {
		if !used[name] {
			t.Errorf("%s reads nothing that the cache drops: take it off the list of this test", name)
		}
	}
}

func exemption(r read) string {
	for name := range whole {
		if name == r.function || strings.HasPrefix(r.at, name) {
			return name
		}
	}
	return ""
}

// read is where a field is read.
type read struct{ at, function, field string }

// fields are the fields that hold something, by their structs.
type fields map[string]map[string]bool

// add notes the fields of a value that hold something.
func (f fields) add(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			f.add(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			f.add(v.Index(i))
		}
	case reflect.Struct:
		name := v.Type().PkgPath() + "." + v.Type().Name()
		if f[name] == nil {
			f[name] = map[string]bool{}
		}
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				f[name][field.Name] = f[name][field.Name] || !v.Field(i).IsZero()
				f.add(v.Field(i))
			}
		}
	}
}

// fill gives every field a value.
func fill(v reflect.Value, depth int) {
	if depth > 12 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[[]corev1.Volume]() {
			v.Set(reflect.ValueOf(volumes()))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), depth+1)
			}
		}
		if now, ok := v.Addr().Interface().(*metav1.Time); ok {
			*now = metav1.Now()
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	}
}

// volumes are one of each source: a Pod's volume has one.
func volumes() (out []corev1.Volume) {
	sources := reflect.TypeFor[corev1.VolumeSource]()
	for i := range sources.NumField() {
		volume := corev1.Volume{Name: "x"}
		fill(reflect.ValueOf(&volume.VolumeSource).Elem().Field(i), 0)
		out = append(out, volume)
	}
	return out
}

// reads are the fields of trimmed kinds that a file reads though the cache drops them.
func reads(p *source.Package, file source.File, kept fields) (out []read) {
	origins := origins{p.Info, map[types.Object]ast.Expr{}}
	origins.learn(file.File)
	for _, declaration := range file.Decls {
		function := ""
		if f, ok := declaration.(*ast.FuncDecl); ok {
			function = p.Path + ":" + f.Name.Name
		}
		written := map[ast.Expr]bool{}
		ast.Inspect(declaration, func(n ast.Node) bool {
			if assignment, ok := n.(*ast.AssignStmt); ok && assignment.Tok == token.ASSIGN {
				for _, to := range assignment.Lhs {
					written[to] = true
				}
			}
			if call, ok := n.(*ast.CallExpr); ok {
				out = append(out, readElsewhere(p, file, function, call, kept)...)
			}
			selector, ok := n.(*ast.SelectorExpr)
			if !ok || written[selector] {
				return true
			}
			selection := p.Info.Selections[selector]
			if selection == nil || selection.Kind() != types.FieldVal || origins.template(selector.X, 0) {
				return true
			}
			if dropped := droppedField(selection, kept); dropped != "" {
				out = append(out, read{p.At(file, selector), function, dropped})
			}
			return true
		})
	}
	return out
}

// readElsewhere are what functions of others read of the Pods that they are given.
func readElsewhere(p *source.Package, file source.File, function string, call *ast.CallExpr, kept fields) (out []read) {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	callee, ok := p.Info.Uses[selector.Sel].(*types.Func)
	if !ok || callee.Pkg() == nil || !strings.HasPrefix(callee.Pkg().Path(), "k8s.io/kubernetes/") &&
		!strings.HasPrefix(callee.Pkg().Path(), "k8s.io/component-helpers/") {
		return nil
	}
	for _, argument := range call.Args {
		named := source.Named(p.Info.TypeOf(argument))
		if named == nil || kept[nameOf(named)] == nil {
			continue
		}
		known, ok := elsewhere[callee.FullName()]
		if !ok {
			out = append(out, read{p.At(file, call), function, "what " + callee.FullName() + " reads, which this test must be told, or"})
		}
		for _, field := range known {
			structure, name, _ := strings.Cut(field, ".")
			if !kept["k8s.io/api/core/v1."+structure][name] && !kept["k8s.io/apimachinery/pkg/apis/meta/v1."+structure][name] {
				out = append(out, read{p.At(file, call), function, field + " (in " + callee.FullName() + ")"})
			}
		}
	}
	return out
}

func nameOf(named *types.Named) string {
	if named.Obj().Pkg() == nil {
		return named.Obj().Name()
	}
	return named.Obj().Pkg().Path() + "." + named.Obj().Name()
}

// droppedField names a selected field that no trimmed object holds, "" when one does, or when it is not of their kinds.
func droppedField(selection *types.Selection, kept fields) string {
	receiver := selection.Recv()
	for _, index := range selection.Index() {
		named := source.Named(receiver)
		if named == nil {
			return ""
		}
		structure, ok := named.Underlying().(*types.Struct)
		if !ok {
			return ""
		}
		field := structure.Field(index)
		known := kept[nameOf(named)]
		if holds, of := known[field.Name()]; of && !holds {
			return path.Base(named.Obj().Pkg().Path()) + "." + named.Obj().Name() + "." + field.Name()
		}
		receiver = field.Type()
	}
	return ""
}

// origins are where variables come from.
type origins struct {
	info *types.Info
	from map[types.Object]ast.Expr
}

// learn notes where the variables of a file come from.
func (t origins) learn(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				if name, ok := to.(*ast.Ident); ok && len(n.Lhs) == len(n.Rhs) && t.info.Defs[name] != nil {
					t.from[t.info.Defs[name]] = n.Rhs[i]
				}
			}
		case *ast.RangeStmt:
			if name, ok := n.Value.(*ast.Ident); ok && t.info.Defs[name] != nil {
				t.from[t.info.Defs[name]] = n.X
			}
		}
		return true
	})
}

// template reports whether an expression is reached through a template or a kind of ours, which the cache keeps whole.
func (t origins) template(e ast.Expr, depth int) bool {
	if named := source.Named(t.info.TypeOf(e)); named != nil && depth < 30 {
		if name := named.Obj().Name(); strings.HasSuffix(name, "TemplateSpec") || strings.HasPrefix(named.Obj().Pkg().Path(), source.Module+"/api/") {
			return true
		}
	}
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return t.template(e.X, depth+1)
	case *ast.IndexExpr:
		return t.template(e.X, depth+1)
	case *ast.StarExpr:
		return t.template(e.X, depth+1)
	case *ast.ParenExpr:
		return t.template(e.X, depth+1)
	case *ast.UnaryExpr:
		return t.template(e.X, depth+1)
	case *ast.Ident:
		if from := t.from[t.info.Uses[e]]; from != nil && depth < 30 {
			return t.template(from, depth+1)
		}
	}
	return false
}
