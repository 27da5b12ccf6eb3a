// SPDX-License-Identifier: Apache-2.0

// Package view makes answers of what was read of the cluster. It is pure: it knows neither client nor clock. What the
// product decides is asked of the product's own packages, and never decided a second time.
package view

import (
	"fmt"
	"strings"
)

// Kind is one of the kinds of Windlass, as its objects are named on the command line.
type Kind string

const (
	// SidecarSet is cluster-scoped.
	SidecarSet Kind = "sidecarset"
	// StatefulSet is that of apps.kruise.io.
	StatefulSet Kind = "asts"
	// SchedPatch is namespaced.
	SchedPatch Kind = "schedpatch"
)

// Kinds are all of them.
var Kinds = []Kind{SidecarSet, StatefulSet, SchedPatch}

// Resource is the kind as -o name writes it.
func (k Kind) Resource() string {
	if k == StatefulSet {
		return "statefulset.apps.kruise.io"
	}
	return string(k) + ".apps.kruise.io"
}

// Plural is the resource as the API server and its roles name it, without the group.
func (k Kind) Plural() string {
	return map[Kind]string{SidecarSet: "sidecarsets", StatefulSet: "statefulsets", SchedPatch: "schedpatches"}[k]
}

// Title is the kind in manifests.
func (k Kind) Title() string {
	return map[Kind]string{SidecarSet: "SidecarSet", StatefulSet: "StatefulSet", SchedPatch: "SchedPatch"}[k]
}

// Namespaced reports whether objects of the kind live in a namespace.
func (k Kind) Namespaced() bool { return k != SidecarSet }

// spellings are what people may write for a kind.
var spellings = map[string]Kind{
	"sidecarset": SidecarSet, "sidecarsets": SidecarSet, "sidecarset.apps.kruise.io": SidecarSet, "sidecarsets.apps.kruise.io": SidecarSet,
	"asts": StatefulSet, "statefulset.apps.kruise.io": StatefulSet, "statefulsets.apps.kruise.io": StatefulSet,
	"schedpatch": SchedPatch, "schedpatches": SchedPatch, "sp": SchedPatch, "schedpatch.apps.kruise.io": SchedPatch,
	"schedpatches.apps.kruise.io": SchedPatch,
}

// Ref names an object, or all objects of a kind where it has no name.
type Ref struct {
	Kind Kind
	Name string
}

// String is the object as people write it.
func (r Ref) String() string { return string(r.Kind) + "/" + r.Name }

// ParseKind reads the name of one of the kinds that a command is for.
func ParseKind(word string, allowed ...Kind) (Kind, error) {
	kind, known := spellings[strings.ToLower(word)]
	for _, k := range allowed {
		if known && k == kind {
			return kind, nil
		}
	}
	switch strings.ToLower(word) {
	case "statefulset", "statefulsets", "sts":
		return "", fmt.Errorf("%q means StatefulSets of apps, which kubectl rollout is for; those of apps.kruise.io are asts", word)
	}
	return "", fmt.Errorf("%q is not a kind that this command is for; allowed are %s", word, list(allowed))
}

// ParseRefs reads objects as kubectl takes them: kind/name ..., or kind name ..., or a kind alone.
func ParseRefs(words []string, allowed ...Kind) ([]Ref, error) {
	if len(words) > 0 && !strings.Contains(words[0], "/") {
		kind, err := ParseKind(words[0], allowed...)
		if err != nil {
			return nil, err
		}
		if len(words) == 1 {
			return []Ref{{Kind: kind}}, nil
		}
		return named(kind, words[1:])
	}
	var out []Ref
	for _, word := range words {
		before, name, ok := strings.Cut(word, "/")
		if !ok || name == "" || strings.Contains(name, "/") {
			return nil, fmt.Errorf("%q is not of the form kind/name, such as %s/web", word, allowed[0])
		}
		kind, err := ParseKind(before, allowed...)
		if err != nil {
			return nil, err
		}
		out = append(out, Ref{kind, name})
	}
	return out, nil
}

func named(kind Kind, names []string) ([]Ref, error) {
	out := make([]Ref, 0, len(names))
	for _, name := range names {
		if strings.Contains(name, "/") {
			return nil, fmt.Errorf("%q: write either kind name or kind/name, not both", name)
		}
		out = append(out, Ref{kind, name})
	}
	return out, nil
}

// list writes kinds as "sidecarset, asts or schedpatch".
func list(kinds []Kind) string {
	words := make([]string, len(kinds))
	for i := range kinds {
		words[i] = string(kinds[i])
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
