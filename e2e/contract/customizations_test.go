// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write what examples/argocd/customizations has besides its scripts, instead of comparing with it")

// shown are the phases by which the health scripts of a kind are shown and tried in examples/argocd, in the form that
// Argo CD's own repository has.
var shown = map[string][]string{
	"StatefulSet": {"unseen", "starting", "new-and-complete", "rolling", "paused", "at-partition", "on-delete", "deadline-exceeded", "all-nodes-failing"},
	"SidecarSet":  {"unseen", "no-Pods", "rolling", "complete", "paused", "at-partition", "deadline-exceeded", "Pods-not-injected"},
	"SchedPatch":  {"unseen", "waiting-for-target", "active", "preview", "expired", "no-eligible-nodes", "conflict"},
}

// kinds are those that have scripts.
var kinds = []string{"SchedPatch", "SidecarSet", "StatefulSet"}

// healthTests is a file health_test.yaml.
type healthTests struct {
	Tests []healthTest `json:"tests"`
}

type healthTest struct {
	Health Health `json:"healthStatus"`
	Input  string `json:"inputPath"`
}

func TestHealthScriptsComeWithTheirTests(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			directory := Own(root, kind)
			var tests healthTests
			for _, phase := range shown[kind] {
				made := readFile(t, phaseFile(kind, phase))
				input := filepath.Join("testdata", phase+".yaml")
				keep(t, filepath.Join(directory, input), made)
				health := CheckHealth(healthScript(t, directory), readObject(t, filepath.Join(directory, input)))
				tests.Tests = append(tests.Tests, healthTest{health, input})
			}
			keep(t, filepath.Join(directory, "health_test.yaml"), encode(t, tests))
			onlyShown(t, filepath.Join(directory, "testdata"), shown[kind])
		})
	}
}

// onlyShown looks for files that no test has.
func onlyShown(t *testing.T, directory string, phases []string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !slices.Contains(phases, strings.TrimSuffix(entry.Name(), ".yaml")) {
			t.Errorf("%s/%s belongs to no test; delete it", directory, entry.Name())
		}
	}
}

// The ConfigMap is what people apply. It holds the scripts as they are.
func TestTheConfigMapHoldsTheScripts(t *testing.T) {
	config, err := ConfigMap(root, kinds...)
	if err != nil {
		t.Fatal(err)
	}
	const head = "# A patch of Argo CD's ConfigMap, made of the scripts beside it: go test ./contract -update in e2e/ writes it.\n"
	keep(t, filepath.Join(root, "examples", "argocd", "customizations", "argocd-cm.yaml"), append([]byte(head), encode(t, config)...))
}

// keep compares a file with what it is to be, or writes it.
func keep(t *testing.T, file string, want []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := readFile(t, file); !bytes.Equal(want, got) {
		t.Errorf("%s; go test ./contract -update writes it anew (-want +got):\n%s", file, cmp.Diff(string(want), string(got)))
	}
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	data, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
