// SPDX-License-Identifier: Apache-2.0

package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Key names a set of binaries: it changes when anything does that they are made of, which is go.mod, go.sum, the small
// programs' sources (sources holds these), the recipe, the Go version and the machine's architecture.
func Key(sources fs.FS) (string, error) {
	digest, err := digestOf(sources)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %s\n%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, digest)
	for _, b := range binaries {
		fmt.Fprintln(h, b.args(b.name), b.env(), b.links)
	}
	for _, i := range imageSpecs("") {
		fmt.Fprintln(h, i.Reference, i.Spec)
	}
	return kubernetesVersion + "-" + hex.EncodeToString(h.Sum(nil))[:12], nil
}

// digestOf hashes names and contents of all files, in the order of their names. Tests are left out: they are in no
// binary.
func digestOf(sources fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(sources, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isSource(path) {
			return err
		}
		file, err := sources.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		fmt.Fprintf(h, "%s\n", path)
		_, err = io.Copy(h, file)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

func isSource(path string) bool {
	if path == "go.mod" || path == "go.sum" {
		return true
	}
	return strings.HasPrefix(path, "cmd/") && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
}

// checkSource makes sure that the checkout's sources are the ones this program was built from: otherwise the key would
// name binaries that it does not describe.
func checkSource(dir string, embedded fs.FS) error {
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return fmt.Errorf("the cluster's sources are not in %s: run from a checkout, or name its cluster directory with --source: %w", dir, err)
	}
	want, err := digestOf(embedded)
	if err != nil {
		return err
	}
	got, err := digestOf(sourceTree{os.DirFS(dir)})
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("go.mod, go.sum or cmd/ in %s differ from what this program was built with: rebuild it first "+
			"(cd %s && go build -o <program> .)", dir, dir)
	}
	return nil
}

// sourceTree shows only those directories of a checkout that hold build input, so that walking it is quick.
type sourceTree struct{ fs.FS }

func (t sourceTree) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(t.FS, name)
	if name != "." || err != nil {
		return entries, err
	}
	var kept []fs.DirEntry
	for _, e := range entries {
		if !e.IsDir() || e.Name() == "cmd" {
			kept = append(kept, e)
		}
	}
	return kept, nil
}
