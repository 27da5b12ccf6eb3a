// SPDX-License-Identifier: Apache-2.0

// Package corpus keeps the objects of tables in files, for tests elsewhere that have something else look at the same
// objects. A table's test keeps its cases, and fails when one is not what the file has; -update-corpus rewrites them.
package corpus

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The files.
const (
	SidecarSets  = "sidecarsets"
	StatefulSets = "statefulsets"
	SchedPatches = "schedpatches"
	// SchedPatchRules are those that are wrong by themselves.
	SchedPatchRules = "schedpatch-rules"
	// Pods are Pods with the SidecarSets that are for them.
	Pods = "pods"
)

var update = flag.Bool("update-corpus", false, "rewrite the files of cases instead of comparing with them")

// Case is what is given to somebody.
type Case struct {
	// Object is created.
	Object map[string]any `json:"object"`
	// Stored are there before it.
	Stored []map[string]any `json:"stored,omitempty"`
	// Namespaces are those of the cluster.
	Namespaces []map[string]any `json:"namespaces,omitempty"`
	// Policy and PatchRules are the administrator's files.
	Policy     string `json:"policy,omitempty"`
	PatchRules string `json:"patchRules,omitempty"`
}

// Manifest is an object as somebody would write it: without what the API server adds.
func Manifest(t testing.TB, apiVersion, kind string, object any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	if out["apiVersion"] == nil {
		out["apiVersion"], out["kind"] = apiVersion, kind
	}
	delete(out, "status")
	metadata, _ := out["metadata"].(map[string]any)
	for key := range metadata {
		if !slices.Contains([]string{"name", "generateName", "namespace", "labels", "annotations"}, key) {
			delete(metadata, key)
		}
	}
	return out
}

// Keep keeps a case under the name of the test.
func Keep(t testing.TB, file string, kept Case) {
	t.Helper()
	known := read(t, file)
	if *update {
		known[t.Name()] = kept
		write(t, file, known)
		return
	}
	if diff := cmp.Diff(text(t, known[t.Name()]), text(t, kept)); diff != "" {
		t.Errorf("%s has another case; if that is meant, run the tests with -update-corpus (-want +got):\n%s", path(t, file), diff)
	}
}

// Read reads the cases of a file by the names of their tests.
func Read(t testing.TB, file string) map[string]Case {
	t.Helper()
	out := read(t, file)
	if len(out) == 0 {
		t.Fatalf("there are no cases in %s", path(t, file))
	}
	return out
}

func read(t testing.TB, file string) map[string]Case {
	t.Helper()
	out := map[string]Case{}
	raw, err := os.ReadFile(path(t, file))
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// path is in this package, wherever in the repository the test is.
func path(t testing.TB, file string) string {
	t.Helper()
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		at := filepath.Join(directory, "internal", "testing", "corpus", "testdata")
		if _, err := os.Stat(at); err == nil {
			return filepath.Join(at, file+".json")
		}
		above := filepath.Dir(directory)
		if above == directory {
			t.Fatal("no directory above this test has the cases")
		}
		directory = above
	}
}

// write has a line for each case, in the order of their names.
func write(t testing.TB, file string, cases map[string]Case) {
	t.Helper()
	var out bytes.Buffer
	for i, name := range slices.Sorted(maps.Keys(cases)) {
		between := ","
		if i == 0 {
			between = "{"
		}
		fmt.Fprintf(&out, "%s\n%q: %s", between, name, text(t, cases[name]))
	}
	out.WriteString("\n}\n")
	if err := os.WriteFile(path(t, file), out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func text(t testing.TB, value any) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(out.Bytes()))
}
