// SPDX-License-Identifier: Apache-2.0

package gitserver

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newRepository makes a repository with two files.
func newRepository(t *testing.T) *Repository {
	t.Helper()
	server, err := Start(t.Context(), t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	r, err := server.Create(t.Context(), "fleet")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(t.Context(), "Begin", Write("apps/set.yaml", "image: a:v1\n"), Write("README.md", "hello\n")); err != nil {
		t.Fatal(err)
	}
	return r
}

// fetched clones the repository as a GitOps tool would and returns the files and their content.
func fetched(t *testing.T, r *Repository) map[string]string {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone")
	if _, err := git(context.Background(), t.TempDir(), "clone", "--quiet", "--depth", "1", "--branch", Branch, r.URL, clone); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err := filepath.Walk(clone, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() || strings.Contains(path, "/.git/") {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(clone, path)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWhoFetchesAfterACommitGetsIt(t *testing.T) {
	tests := map[string]struct {
		edits []Edit
		want  map[string]string
	}{
		"a replaced text": {
			edits: []Edit{Replace("apps/set.yaml", "v1", "v2")},
			want:  map[string]string{"apps/set.yaml": "image: a:v2\n", "README.md": "hello\n"},
		},
		"a removed directory": {
			edits: []Edit{Remove("apps")},
			want:  map[string]string{"README.md": "hello\n"},
		},
		"a new file in a new directory": {
			edits: []Edit{Write("more/deep/file.yaml", "x: 1\n"), Remove("apps")},
			want:  map[string]string{"more/deep/file.yaml": "x: 1\n", "README.md": "hello\n"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRepository(t)
			revision, err := r.Commit(t.Context(), "Change", test.edits...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, fetched(t, r)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			listed, err := git(t.Context(), t.TempDir(), "ls-remote", r.URL, "refs/heads/"+Branch)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, _ := strings.Cut(listed, "\t"); got != revision {
				t.Errorf("the repository serves commit %s, Commit returned %s", got, revision)
			}
		})
	}
}

func TestACommitThatWouldChangeNothingFails(t *testing.T) {
	tests := map[string]struct {
		edit Edit
		want string
	}{
		"a text that does not occur":    {edit: Replace("README.md", "goodbye", "hello"), want: `README.md does not contain "goodbye"`},
		"a file that is not there":      {edit: Remove("nothing.yaml"), want: "nothing.yaml: no such file"},
		"the content that is there now": {edit: Write("README.md", "hello\n"), want: "git commit"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := newRepository(t).Commit(t.Context(), "Change", test.edit)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that contains %q", err, test.want)
			}
		})
	}
}

func TestNobodyPushesOverHTTP(t *testing.T) {
	r := newRepository(t)
	if _, err := git(t.Context(), r.Checkout, "push", r.URL, Branch+":intruder"); err == nil {
		t.Error("a push over HTTP was accepted")
	}
}
