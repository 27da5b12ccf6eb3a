// SPDX-License-Identifier: Apache-2.0

package build

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Cache is the directory of one key: bin/ holds the binaries, images/ the OCI layout of the images made of them.
type Cache struct {
	dir string
}

// OpenCache names the directory for the sources in ${WINDLASS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/windlass}/cluster;
// nothing is made yet.
func OpenCache(sources fs.FS) (Cache, error) {
	root := os.Getenv("WINDLASS_CACHE")
	if root == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return Cache{}, fmt.Errorf("no place for the cluster's binaries: set WINDLASS_CACHE, XDG_CACHE_HOME or HOME: %w", err)
		}
		root = filepath.Join(base, "windlass")
	}
	key, err := Key(sources)
	if err != nil {
		return Cache{}, err
	}
	return Cache{dir: filepath.Join(root, "cluster", key)}, nil
}

// Dir is the directory of the key.
func (c Cache) Dir() string { return c.dir }

// BinDir holds the binaries; kube-apiserver, kubectl and so on are links in it.
func (c Cache) BinDir() string { return filepath.Join(c.dir, "bin") }

// ImagesDir holds the images as an OCI layout.
func (c Cache) ImagesDir() string { return filepath.Join(c.dir, "images") }

// Complete says whether everything of a target has been built.
func (c Cache) Complete(t Target) bool {
	for _, b := range wanted(t) {
		for _, name := range append([]string{b.name}, b.links...) {
			if !exists(filepath.Join(c.BinDir(), name)) {
				return false
			}
		}
	}
	return t == ForEnvtest || exists(filepath.Join(c.ImagesDir(), "index.json"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
