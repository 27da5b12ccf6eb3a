// SPDX-License-Identifier: Apache-2.0

package images

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

func parent(path string) string { return filepath.Dir(path) }

// SeedBlobs puts a layout's blobs into a registry's blob store, so that pushing the layout only sends manifests. Blobs
// are hard links where the file system allows it; both sides write by renaming, so neither changes the other's.
func SeedBlobs(layoutDir, store string) error {
	source := filepath.Join(layoutDir, "blobs")
	return filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		target := filepath.Join(store, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if err := os.Link(path, target); err == nil || errors.Is(err, fs.ErrExist) {
			return nil
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
