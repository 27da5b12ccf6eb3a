package contract

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// root is the directory of the repository.
const root = "../.."

// readings are how tools read an object.
type readings struct {
	// KStatus is what Flux and others that build on kstatus wait for.
	KStatus string
	// Builtin is the health by the script that Argo CD brings along, Own the one
	// by the script of examples/argocd.
	Builtin, Own string
}

// none stands for the health of kinds for which Argo CD brings no script along.
const none = ""

// TestPhases reads an object of every phase of every kind. Where the script that
// Argo CD brings along is wrong about one, the comment says why.
func TestPhases(t *testing.T) {
	for kind, test := range map[string]struct {
		directory string
		want      map[string]readings
	}{
		"StatefulSet": {"statefulset", statefulSetReadings},
		"SidecarSet":  {"sidecarset", sidecarSetReadings},
		"SchedPatch":  {"schedpatch", schedPatchReadings},
	} {
		t.Run(kind, func(t *testing.T) {
			got := map[string]readings{}
			for phase, object := range phases(t, test.directory) {
				got[phase] = read(t, kind, object)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("how tools read the phases of a %s (-want +got):\n%s", kind, diff)
			}
		})
	}
}

// phases are the objects of a kind, by the names of their phases.
func phases(t *testing.T, directory string) map[string]*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "operator", directory, "testdata", "phases", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*unstructured.Unstructured{}
	for _, file := range files {
		out[strings.TrimSuffix(filepath.Base(file), ".yaml")] = readObject(t, file)
	}
	return out
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
