// SPDX-License-Identifier: Apache-2.0

package gitserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Branch is the only branch of every repository.
const Branch = "main"

// Repository is a repository of a Server, and a checkout of it to change it with. It must not be used by several at a
// time.
type Repository struct {
	// URL is where it is fetched from.
	URL string
	// Checkout is the directory of its files as of the last commit. Change them through Commit.
	Checkout string
}

// Create makes a repository, NAME.git, that is empty until its first Commit.
func (s *Server) Create(ctx context.Context, name string) (*Repository, error) {
	bare := name + ".git"
	r := &Repository{URL: s.url + "/" + bare, Checkout: filepath.Join(s.root, name)}
	if _, err := git(ctx, s.root, "init", "--quiet", "--bare", "--initial-branch", Branch, bare); err != nil {
		return nil, fmt.Errorf("make repository %s: %w", name, err)
	}
	if _, err := git(ctx, s.root, "init", "--quiet", "--initial-branch", Branch, r.Checkout); err != nil {
		return nil, fmt.Errorf("make a checkout of repository %s: %w", name, err)
	}
	if _, err := git(ctx, r.Checkout, "remote", "add", "origin", filepath.Join(s.root, bare)); err != nil {
		return nil, fmt.Errorf("make a checkout of repository %s: %w", name, err)
	}
	return r, nil
}

// Commit makes the edits one after another, commits them and publishes the commit. It returns the commit's hash, and
// fails if nothing changed.
func (r *Repository) Commit(ctx context.Context, message string, edits ...Edit) (string, error) {
	for _, edit := range edits {
		if err := edit(r.Checkout); err != nil {
			return "", fmt.Errorf("commit %q: %w", message, err)
		}
	}
	var hash string
	for _, args := range [][]string{
		{"add", "--all"},
		{"commit", "--quiet", "--message", message},
		{"push", "--quiet", "origin", Branch},
		{"rev-parse", "HEAD"},
	} {
		out, err := git(ctx, r.Checkout, args...)
		if err != nil {
			return "", fmt.Errorf("commit %q: %w", message, err)
		}
		hash = strings.TrimSpace(out)
	}
	return hash, nil
}

// Edit changes files of a checkout, whose directory it is given. Paths of edits are relative to it, with slashes.
type Edit func(checkout string) error

// CopyTree puts a directory of this machine, with all that is in it, at a path.
func CopyTree(from, path string) Edit {
	return func(checkout string) error { return os.CopyFS(at(checkout, path), os.DirFS(from)) }
}

// Write puts a file at a path, or changes the one that is there.
func Write(path, content string) Edit {
	return func(checkout string) error {
		if err := os.MkdirAll(filepath.Dir(at(checkout, path)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(at(checkout, path), []byte(content), 0o644)
	}
}

// Replace puts one text for another, wherever it occurs in a file. It fails when it does not occur, which would leave
// all as it was.
func Replace(path, old, replacement string) Edit {
	return func(checkout string) error {
		content, err := os.ReadFile(at(checkout, path))
		if err != nil {
			return err
		}
		if !strings.Contains(string(content), old) {
			return fmt.Errorf("%s does not contain %q", path, old)
		}
		return Write(path, strings.ReplaceAll(string(content), old, replacement))(checkout)
	}
}

// Remove removes a file or directory, which must be there.
func Remove(path string) Edit {
	return func(checkout string) error {
		if _, err := os.Stat(at(checkout, path)); err != nil {
			return err
		}
		return os.RemoveAll(at(checkout, path))
	}
}

func at(checkout, path string) string { return filepath.Join(checkout, filepath.FromSlash(path)) }
