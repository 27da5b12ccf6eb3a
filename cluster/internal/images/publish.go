// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"fmt"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// referenceAnnotation names an image within an OCI layout.
const referenceAnnotation = "org.opencontainers.image.ref.name"

// Push writes an image to a plain-http registry under its own repository path and tag.
func Push(ctx context.Context, image v1.Image, reference, registry string) error {
	tag, err := LocalReference(reference, registry)
	if err != nil {
		return err
	}
	if err := remote.Write(tag, image, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("push %s: is the cluster up, and is %s its registry? %w", tag, registry, err)
	}
	return nil
}

// WriteArchive writes an image to a tar file that image tools load.
func WriteArchive(path, reference string, image v1.Image) error {
	tag, err := LocalReference(reference, "localhost")
	if err != nil {
		return err
	}
	return tarball.WriteToFile(path, tag, image)
}

// Named is an image and what it is called.
type Named struct {
	Reference string
	Spec      Spec
}

// WriteLayout assembles images into an OCI layout. The directory appears only when it is complete.
func WriteLayout(dir string, named []Named) error {
	tmp, err := os.MkdirTemp(parent(dir), ".images-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	index := v1.ImageIndex(empty.Index)
	for _, n := range named {
		image, err := Assemble(n.Spec)
		if err != nil {
			return fmt.Errorf("assemble %s: %w", n.Reference, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image,
			Descriptor: v1.Descriptor{Annotations: map[string]string{referenceAnnotation: n.Reference}}})
	}
	if _, err := layout.Write(tmp, index); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// PushLayout pushes every image of a layout to a registry.
func PushLayout(ctx context.Context, dir, registry string) error {
	path, err := layout.FromPath(dir)
	if err != nil {
		return err
	}
	index, err := path.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, descriptor := range manifest.Manifests {
		image, err := index.Image(descriptor.Digest)
		if err != nil {
			return err
		}
		if err := Push(ctx, image, descriptor.Annotations[referenceAnnotation], registry); err != nil {
			return err
		}
	}
	return nil
}
