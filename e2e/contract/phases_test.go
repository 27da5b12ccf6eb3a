// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// root is the directory of the repository.
const root = "../.."

// readings are how tools read an object.
type readings struct {
	// KStatus is what Flux and others that build on kstatus wait for.
	KStatus string
	// Builtin is the health by the script that Argo CD brings along, Own the one by the script of examples/argocd.
	Builtin, Own string
	// Fault is why the former differs from the latter.
	Fault string
}

// none stands for the health of kinds for which Argo CD brings no script along.
const none = ""

// TestPhases reads an object of every phase of every kind.
func TestPhases(t *testing.T) {
	for kind, all := range map[string]map[string]readings{
		"StatefulSet": statefulSetReadings, "SidecarSet": sidecarSetReadings, "SchedPatch": schedPatchReadings,
	} {
		t.Run(kind, func(t *testing.T) {
			got := map[string]readings{}
			for phase, object := range phases(t, kind) {
				got[phase] = read(t, kind, object)
			}
			for phase, want := range all {
				if wrong := want.Builtin != none && want.Builtin != want.Own; wrong != (want.Fault != "") {
					t.Errorf("%s: Argo CD's script says %s, ours says %s, and the fault that makes the difference is %q", phase, want.Builtin, want.Own, want.Fault)
				}
			}
			if diff := cmp.Diff(all, got, cmpopts.IgnoreFields(readings{}, "Fault")); diff != "" {
				t.Errorf("how tools read the phases of a %s (-want +got):\n%s", kind, diff)
			}
		})
	}
}

// phases are the objects of a kind, by the names of their phases.
func phases(t *testing.T, kind string) map[string]*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob(phaseFile(kind, "*"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*unstructured.Unstructured{}
	for _, file := range files {
		out[strings.TrimSuffix(filepath.Base(file), ".yaml")] = readObject(t, file)
	}
	return out
}

// phaseFile holds the object of a phase.
func phaseFile(kind, phase string) string {
	return filepath.Join(root, "operator", strings.ToLower(kind), "testdata", "phases", phase+".yaml")
}

func read(t *testing.T, kind string, object *unstructured.Unstructured) readings {
	t.Helper()
	status, err := KStatus(object)
	if err != nil {
		t.Fatal(err)
	}
	out := readings{KStatus: status, Own: CheckHealth(healthScript(t, Own(root, kind)), object).Status}
	if script := healthScript(t, builtin(t, kind)); script != none {
		out.Builtin = CheckHealth(script, object).Status
	}
	return out
}

func builtin(t *testing.T, kind string) string {
	t.Helper()
	directory, err := Builtin(root, kind)
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

// healthScript is the health script of a directory, none when there is none.
func healthScript(t *testing.T, directory string) string {
	t.Helper()
	script, err := HealthScript(directory)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return script
}

func readObject(t *testing.T, file string) *unstructured.Unstructured {
	t.Helper()
	object, err := ReadObject(file)
	if err != nil {
		t.Fatal(err)
	}
	return object
}
