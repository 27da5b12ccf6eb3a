// SPDX-License-Identifier: Apache-2.0

package command

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// ourCommand is one that a page tells its reader to type: up to a comment, a pipe, or what ends code in a text.
var ourCommand = regexp.MustCompile("kubectl windlass ([a-z][^`#|\n.]*)")

// At 3 a.m. a command that there is not is worse than none.
func TestRunbooksNameCommandsThatThereAre(t *testing.T) {
	pages, err := filepath.Glob("../../../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range pages {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range ourCommand.FindAllStringSubmatch(string(content), -1) {
			found++
			args := strings.Fields(match[1])
			command, rest, err := New(Env{IOStreams: genericiooptions.NewTestIOStreamsDiscard()}).Find(args)
			if err != nil || !command.HasParent() || command.HasSubCommands() {
				t.Errorf("%s: there is no kubectl windlass %s", filepath.Base(page), match[1])
				continue
			}
			if err := command.ParseFlags(rest); err != nil {
				t.Errorf("%s: kubectl windlass %s: %v", filepath.Base(page), match[1], err)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d commands were found", found)
	}
}
