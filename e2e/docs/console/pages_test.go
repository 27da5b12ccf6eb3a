// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/e2e/docs"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// inOrder lists the pages for users: the one that installs first, the one that uninstalls last.
func inOrder(paths []string) []string {
	var others []string
	for _, path := range paths {
		if docs.ForUsers(path) && path != uninstalling && path != installing {
			others = append(others, path)
		}
	}
	return slices.Concat([]string{installing}, others, []string{uninstalling})
}

// tried reports whether a page has anything to try.
func tried(page *docs.Page) bool {
	return slices.ContainsFunc(page.Blocks, func(b docs.Block) bool {
		return b.NotRun == "" && (b.Kind == docs.Console || b.Kind == docs.YAML)
	})
}

// try does what a page says, from its beginning to its end.
func try(ctx context.Context, page *docs.Page) {
	if page.Path == installing {
		Expect(release.EnsureUninstalled()).To(Succeed())
	} else {
		Expect(release.EnsureInstalled(ctx)).To(Succeed())
	}
	began := time.Now()
	reader := newReader(ctx, page)
	DeferCleanup(func(ctx SpecContext) { reader.leave(ctx) }, NodeTimeout(framework.SpecPatience))
	texts := map[int]string{}
	for i := range page.Blocks {
		block := &page.Blocks[i]
		if block.NotRun != "" {
			AddReportEntry("not run", fmt.Sprintf("%s:%d: %s", page.Path, block.Line, block.NotRun))
			continue
		}
		if text, changed := reader.follow(ctx, block); changed {
			texts[i] = text
		}
	}
	AddReportEntry("time", fmt.Sprintf("%s: %.1f s", page.Path, time.Since(began).Seconds()))
	if len(texts) > 0 {
		Expect(os.WriteFile(filepath.Join(repository, page.Path), page.Replace(texts), 0o644)).To(Succeed())
	}
}

// reader is somebody who follows a page.
type reader struct {
	page *docs.Page
	// directory is where they sit: it looks like a checkout of the repository.
	directory string
	names     docs.Names
}

// follow does what a block says. It returns its new text, if it has to have one.
func (r *reader) follow(ctx context.Context, block *docs.Block) (text string, changed bool) {
	at := fmt.Sprintf("%s:%d", r.page.Path, block.Line)
	switch block.Kind {
	case docs.Setup:
		output, err := r.run(ctx, block.Text, "")
		Expect(err).NotTo(HaveOccurred(), "%s: setup:\n%s", at, output)
	case docs.YAML:
		r.check(ctx, at, block)
	case docs.Console:
		return r.typeIn(ctx, at, block)
	}
	return "", false
}

// check has the API server check a manifest, or Helm the values of the chart, and saves it under its title.
func (r *reader) check(ctx context.Context, at string, block *docs.Block) {
	if block.Title != "" && !strings.Contains(block.Title, "/") {
		Expect(os.WriteFile(filepath.Join(r.directory, block.Title), []byte(block.Text), 0o600)).To(Succeed())
	}
	if block.ChartValues() {
		output, err := r.run(ctx, "helm template windlass charts/windlass --values - >/dev/null", block.Text)
		Expect(err).NotTo(HaveOccurred(), "%s:\n%s", at, output)
		return
	}
	manifests, err := block.Manifests()
	Expect(err).NotTo(HaveOccurred(), at)
	output, err := r.run(ctx, "kubectl apply --dry-run=server -f -", manifests)
	Expect(err).NotTo(HaveOccurred(), "%s:\n%s", at, output)
}

// typeIn gives the commands of a block.
func (r *reader) typeIn(ctx context.Context, at string, block *docs.Block) (text string, changed bool) {
	commands := block.Commands()
	for i := range commands {
		got, err := r.give(ctx, commands[i])
		if err == nil {
			continue
		}
		if !update || len(commands) == 1 && commands[i].Text == block.Text {
			Expect(err).NotTo(HaveOccurred(), "%s: %s", at, commands[i].Text)
		}
		commands[i].Shown, changed = got, true
	}
	return docs.Print(commands), changed
}

// give gives a command, again and again if it only reads, until it shows what the page shows. If it does not, it returns what
// was shown last, in the words of the page.
func (r *reader) give(ctx context.Context, command docs.Command) ([]string, error) {
	patience := framework.Patience
	if update {
		patience = 3 * time.Second
	}
	for began := time.Now(); ; {
		output, failed := r.run(ctx, r.names.InCluster(command.Text), "")
		problem := r.compare(command, output, failed)
		if problem == nil || !command.OnlyReads() || time.Since(began) > patience {
			return strings.Split(strings.TrimRight(r.names.OnPage(output), "\n"), "\n"), problem
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// compare compares what came back with what the page shows. A command of which it shows nothing has to succeed.
func (r *reader) compare(command docs.Command, output string, failed error) error {
	if len(command.Shown) == 0 {
		if failed != nil {
			return fmt.Errorf("%w:\n%s", failed, output)
		}
		return nil
	}
	names, err := r.names.Match(command.Shown, output)
	r.names = names
	return err
}
