// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ours are the ways to name our kinds to kubectl.
const ours = `(asts|sidecarsets?|schedpatch(es)?|sp|statefulsets?\.(v[0-9a-z]+\.)?apps\.kruise\.io)`

// wrongCommands are commands that cannot work, by what is wrong with them. A page that says so names no object.
var wrongCommands = map[string]*regexp.Regexp{
	"kubectl rollout and kubectl set know no custom kind": regexp.MustCompile(
		`kubectl( -\S+( [a-z][-a-z]*)?)* (rollout [a-z]+|set (image|env|resources)|expose|logs|exec)( -\S+)* ` + ours + `[/ ]`),
	"statefulset alone is the kind of apps; ours is asts": regexp.MustCompile(
		`kubectl( -\S+( [a-z][-a-z]*)?)* (get|describe|patch|edit|scale|wait|annotate|label|delete)( -\S+)* (sts|statefulsets?)[/ ]+[a-z]`),
}

// wrongIn lists the wrong commands of a text.
func wrongIn(text string) []string {
	var out []string
	for why, pattern := range wrongCommands {
		for _, found := range pattern.FindAllString(text, -1) {
			out = append(out, found+": "+why)
		}
	}
	return out
}

func TestPagesNameNoCommandThatCannotWork(t *testing.T) {
	pages := 0
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".git") || entry.Name() == "bin") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") || entry.Name() == "NOTES.txt" || entry.Name() == "prometheusrule.yaml" {
			pages++
			for _, wrong := range wrongIn(readFile(t, path)) {
				t.Errorf("%s: %s", path, wrong)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 10 {
		t.Errorf("only %d pages were read", pages)
	}
}

func TestWrongCommandsAreFound(t *testing.T) {
	for command, want := range map[string]int{
		"kubectl rollout restart asts/db":                                   1,
		"kubectl -n shop rollout status statefulset.apps.kruise.io/ledger":  1,
		"kubectl set image sidecarset/log log=x":                            1,
		"kubectl rollout undo statefulsets.v1beta1.apps.kruise.io db":       1,
		"kubectl get statefulset web -o yaml":                               1,
		"kubectl --namespace shop describe sts web":                         1,
		"kubectl get statefulset.apps ledger -o yaml":                       0,
		"`kubectl get statefulset` means those of `apps`":                   0,
		"kubectl rollout status deployment/windlass-operator":               0,
		"kubectl get asts web; kubectl wait asts/web --for=condition=Ready": 0,
		"kubectl kruise rollout restart asts/web":                           0,
	} {
		t.Run(command, func(t *testing.T) {
			if diff := cmp.Diff(want, len(wrongIn(command))); diff != "" {
				t.Errorf("wrong commands (-want +got):\n%s", diff)
			}
		})
	}
}
