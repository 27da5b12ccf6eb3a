// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// reasonsOfGates are those of the table, in its order. Gates side by side that share a reason have it once.
func reasonsOfGates() []string {
	var out []string
	for i := range gates {
		out = append(out, gates[i].reason)
	}
	return slices.Compact(out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// declaredReasons are the constants of the block of a file whose comment names the gates.
func declaredReasons(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, declaration := range file.Decls {
		block, ok := declaration.(*ast.GenDecl)
		if !ok || !strings.Contains(block.Doc.Text(), "the gates of auto remediation") {
			continue
		}
		for _, spec := range block.Specs {
			value, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, value)
		}
	}
	return out
}

func TestTheGatesAreThoseOfTheAPI(t *testing.T) {
	// Paused is a reason of rollouts too, and is declared with those.
	declared := declaredReasons(t, "../../api/v1beta1/reasons_remediation.go")
	declared = slices.Insert(declared, slices.Index(declared, v1beta1.ReasonSkipAnnotation), v1beta1.ReasonPaused)
	var asked []string
	for _, reason := range reasonsOfGates() {
		if !slices.Contains(asked, reason) { // one is asked in two places, and declared at the first
			asked = append(asked, reason)
		}
	}
	if diff := cmp.Diff(declared, asked); diff != "" {
		t.Errorf("reasons (-declared +asked):\n%s", diff)
	}
}

func TestTheGatesAreThoseOfTheDocumentation(t *testing.T) {
	_, table, found := strings.Cut(read(t, "../../docs/remediation.md"), "\n| reason | when |\n|---|---|\n")
	if !found {
		t.Fatal("the page has no table of reasons")
	}
	var documented []string
	for _, line := range strings.Split(table, "\n") {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		documented = append(documented, strings.TrimSpace(strings.Split(line, "|")[1]))
	}
	if diff := cmp.Diff(reasonsOfGates(), documented); diff != "" {
		t.Errorf("reasons (-asked +documented):\n%s", diff)
	}
}

func TestTheAlertIsOnWhatIsNotAboutOnePod(t *testing.T) {
	rules := read(t, "../../charts/windlass/templates/monitoring/prometheusrule.yaml")
	match := regexp.MustCompile(`windlass_remediation_gates_total\{reason=~"([^"]*)"\}`).FindStringSubmatch(rules)
	if match == nil {
		t.Fatal("there is no alert on gates")
	}
	want, got := alerted(), strings.Split(match[1], "|")
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons that begin at 0 (-) and reasons that are alerted on (+):\n%s", diff)
	}
}
