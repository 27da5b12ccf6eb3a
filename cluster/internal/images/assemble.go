// SPDX-License-Identifier: Apache-2.0

// Package images makes OCI images from static binaries without a container engine, and moves them into the cluster's
// registry.
package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Spec says what goes into an image. There is no base image.
type Spec struct {
	// Files are static binaries on this machine; each lands in the image's root directory under its own name.
	Files []string
	// Entrypoint is the command; empty means the first file.
	Entrypoint string
	// Env are NAME=value pairs.
	Env []string
	// User is "uid:gid"; empty means root.
	User string
	// Marker makes images with the same files differ in content, so that a runtime never reports one by the other's
	// name. Empty adds nothing.
	Marker string
}

// epoch is the time of every file and image, so that the same input gives the same digest on any day.
var epoch = time.Unix(0, 0).UTC()

// Assemble makes a one-layer image for this machine's architecture. The same input gives the same digest.
func Assemble(spec Spec) (v1.Image, error) {
	if len(spec.Files) == 0 {
		return nil, fmt.Errorf("an image needs at least one file")
	}
	content, err := layerTar(spec)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: epoch}}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", runtime.GOARCH, v1.Time{Time: epoch}
	config.Config = v1.Config{
		Entrypoint: []string{spec.entrypoint()}, Env: append([]string{"PATH=/"}, spec.Env...), User: spec.User, WorkingDir: "/",
	}
	return mutate.ConfigFile(image, config)
}

func (s Spec) entrypoint() string {
	if s.Entrypoint != "" {
		return s.Entrypoint
	}
	return "/" + filepath.Base(s.Files[0])
}

// layerTar packs the files, a world-writable /tmp and the marker, all owned by root and dated at the epoch.
func layerTar(spec Spec) ([]byte, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777, ModTime: epoch}); err != nil {
		return nil, err
	}
	for _, path := range spec.Files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := addFile(w, filepath.Base(path), 0o755, data); err != nil {
			return nil, err
		}
	}
	if spec.Marker != "" {
		if err := addFile(w, "marker", 0o644, []byte(spec.Marker+"\n")); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return buffer.Bytes(), err
}

func addFile(w *tar.Writer, name string, mode int64, data []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(data)), ModTime: epoch}); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}
