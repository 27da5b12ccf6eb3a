// SPDX-License-Identifier: Apache-2.0

package build

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func sources(changes map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for name, content := range map[string]string{"go.mod": "module x", "go.sum": "sums", "cmd/hyper/main.go": "package main"} {
		files[name] = &fstest.MapFile{Data: []byte(content)}
	}
	for name, content := range changes {
		files[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return files
}

func TestKeyFollowsWhatTheBinariesAreMadeOf(t *testing.T) {
	base, err := Key(sources(nil))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		changes  map[string]string
		wantSame bool
	}{
		"the same files give the same key":                   {wantSame: true},
		"another requirement gives another key":              {changes: map[string]string{"go.mod": "module x // v2"}},
		"another checksum gives another key":                 {changes: map[string]string{"go.sum": "other sums"}},
		"a changed program gives another key":                {changes: map[string]string{"cmd/hyper/main.go": "package main // v2"}},
		"a new program gives another key":                    {changes: map[string]string{"cmd/new/main.go": "package main"}},
		"a test is in no binary, so the key stays":           {changes: map[string]string{"cmd/hyper/main_test.go": "package main"}, wantSame: true},
		"a file outside of cmd is in no binary, so it stays": {changes: map[string]string{"internal/a.go": "package a"}, wantSame: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Key(sources(test.changes))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.wantSame, got == base); diff != "" {
				t.Errorf("key is unchanged (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckSource(t *testing.T) {
	tests := map[string]struct {
		checkout map[string]string
		wantOK   bool
	}{
		"a checkout with the same sources is taken": {checkout: map[string]string{}, wantOK: true},
		"files that are no build input do not matter": {
			checkout: map[string]string{"internal/a.go": "package a", "bin/big": "binary"}, wantOK: true},
		"a checkout that has moved on is refused": {checkout: map[string]string{"go.mod": "module y"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, file := range sources(test.checkout) {
				target := filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(target, file.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			err := checkSource(dir, sources(nil))
			if diff := cmp.Diff(test.wantOK, err == nil); diff != "" {
				t.Errorf("source is taken (-want +got), error %v:\n%s", err, diff)
			}
		})
	}
	t.Run("a directory without sources is refused", func(t *testing.T) {
		if err := checkSource(t.TempDir(), sources(nil)); err == nil {
			t.Error("got no error")
		}
	})
}

func TestCompleteNeedsEveryBinaryAndLink(t *testing.T) {
	cache := Cache{dir: t.TempDir()}
	place := func(name string) {
		path := filepath.Join(cache.BinDir(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	complete := func() map[Target]bool {
		return map[Target]bool{ForEnvtest: cache.Complete(ForEnvtest), ForCluster: cache.Complete(ForCluster)}
	}
	check := func(when string, want map[Target]bool) {
		t.Helper()
		if diff := cmp.Diff(want, complete()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("empty cache", map[Target]bool{ForEnvtest: false, ForCluster: false})
	for _, b := range wanted(ForEnvtest) {
		place(b.name)
	}
	check("links are missing", map[Target]bool{ForEnvtest: false, ForCluster: false})
	for _, b := range binaries {
		for _, link := range b.links {
			place(link)
		}
	}
	check("envtest's are there", map[Target]bool{ForEnvtest: true, ForCluster: false})
	for _, b := range binaries {
		place(b.name)
	}
	check("images are missing", map[Target]bool{ForEnvtest: true, ForCluster: false})
}
