// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const repository = "../.."

// mostNotRun is how many blocks of the pages for users cannot be tried. Each says why; there should not be many.
const mostNotRun = 25

// all reads every page of the repository, by its path.
func all(t *testing.T) map[string]*Page {
	t.Helper()
	paths, err := Pages(repository)
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]*Page{}
	for _, p := range paths {
		page, err := Read(repository, p)
		if err != nil {
			t.Fatal(err)
		}
		pages[p] = page
	}
	if len(pages) < 20 {
		t.Fatalf("only %d pages were found", len(pages))
	}
	return pages
}

func TestLinksLeadSomewhere(t *testing.T) {
	pages := all(t)
	for _, page := range pages {
		for _, link := range page.Links {
			if problem := problemOf(pages, page, link.Destination); problem != "" {
				t.Errorf("%s:%d: the link to %s: %s", page.Path, link.Line, link.Destination, problem)
			}
		}
	}
}

// problemOf is what is wrong with a link, as far as that can be told without a network.
func problemOf(pages map[string]*Page, from *Page, destination string) string {
	if strings.Contains(destination, "://") || strings.HasPrefix(destination, "mailto:") {
		return ""
	}
	target, anchor, _ := strings.Cut(destination, "#")
	to := from.Path
	if target != "" {
		to = path.Join(path.Dir(from.Path), target)
		if _, err := os.Stat(filepath.Join(repository, to)); err != nil {
			return "there is no such file"
		}
	}
	if anchor == "" || pages[to] != nil && pages[to].Anchors[anchor] {
		return ""
	}
	return "that page has no such heading"
}

func TestBlocksCanBeTried(t *testing.T) {
	notRun := 0
	for _, page := range all(t) {
		if !ForUsers(page.Path) {
			continue
		}
		for _, block := range page.Blocks {
			if block.NotRun != "" {
				notRun++
				t.Logf("%s:%d is not run: %s", page.Path, block.Line, block.NotRun)
				continue
			}
			checkBlock(t, page, &block)
		}
	}
	t.Logf("%d blocks are not run", notRun)
	if notRun > mostNotRun {
		t.Errorf("%d blocks are not run, more than %d", notRun, mostNotRun)
	}
}

func checkBlock(t *testing.T, page *Page, block *Block) {
	t.Helper()
	switch block.Kind {
	case YAML:
		if !block.ChartValues() {
			if _, err := block.Manifests(); err != nil {
				t.Errorf("%s: %v", page.Path, err)
			}
		}
		checkFile(t, page, block)
	case "sh", "bash", "shell":
		t.Errorf("%s:%d: a block of %s is not tried; call it console", page.Path, block.Line, block.Kind)
	case "":
		if strings.HasPrefix(block.Text, prompt) {
			t.Errorf("%s:%d: a block with a prompt is not tried; call it console", page.Path, block.Line)
		}
	}
}

// checkFile compares a block with the file of the repository that its title names, but for the comments there.
func checkFile(t *testing.T, page *Page, block *Block) {
	t.Helper()
	if !strings.Contains(block.Title, "/") {
		return
	}
	file, err := os.ReadFile(filepath.Join(repository, block.Title))
	if err != nil {
		t.Errorf("%s:%d: %v", page.Path, block.Line, err)
		return
	}
	var lines []string
	for line := range strings.Lines(string(file)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if strings.Join(lines, "") != block.Text {
		t.Errorf("%s:%d: the block is not what stands in %s", page.Path, block.Line, block.Title)
	}
}

func TestEveryPageIsInTheIndex(t *testing.T) {
	pages := all(t)
	linked := map[string]bool{}
	for _, link := range pages["docs/README.md"].Links {
		target, _, _ := strings.Cut(link.Destination, "#")
		linked[path.Join("docs", target)] = true
	}
	for p := range pages {
		if strings.HasPrefix(p, "docs/") && !strings.HasPrefix(p, "docs/runbooks/") && p != "docs/README.md" && !linked[p] {
			t.Errorf("docs/README.md does not lead to %s", p)
		}
	}
}
