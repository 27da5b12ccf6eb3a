// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// The registry of a cluster of ours asks for these where the path of a repository has the element "private".
const (
	PrivateUser     = "windlass"
	PrivatePassword = "sidecars"
)

// Variant is what makes an image another one.
type Variant struct {
	// Bytes is the size of a layer that no other image has, and that does not compress.
	Bytes int
	// Args replace the arguments of its program, if there are any.
	Args []string
}

// PushVariant puts a variant of an image of the cluster's registry there, under a name of its own. No node has it.
func (c *Cluster) PushVariant(ctx context.Context, from, to string, variant Variant) error {
	source, fromTag, err := c.repository(from)
	if err != nil {
		return err
	}
	target, toTag, err := c.repository(to)
	if err != nil {
		return err
	}
	if err := pushVariant(ctx, source, fromTag, target, toTag, variant); err != nil {
		return fmt.Errorf("push a variant of image %s as %s: %w", from, to, err)
	}
	return nil
}

// repository is where the cluster's registry has an image.
func (c *Cluster) repository(reference string) (repository *remote.Repository, tag string, err error) {
	if c.Options.Registry == "" {
		return nil, "", errors.New("-registry is not set: it must be the address of the registry that the cluster takes its images from")
	}
	_, path, _ := strings.Cut(reference, "/")
	name, tag, _ := strings.Cut(path, ":")
	repository, err = remote.NewRepository(c.Options.Registry + "/" + name)
	if err != nil {
		return nil, "", fmt.Errorf("image %s: %w", reference, err)
	}
	repository.PlainHTTP = true
	repository.Client = &auth.Client{Credential: auth.StaticCredential(c.Options.Registry, auth.Credential{
		Username: PrivateUser, Password: PrivatePassword,
	})}
	return repository, tag, nil
}

func pushVariant(ctx context.Context, source oras.ReadOnlyTarget, from string, target oras.Target, to string, variant Variant) error {
	var manifest ocispec.Manifest
	var config ocispec.Image
	described, text, err := oras.FetchBytes(ctx, source, from, oras.DefaultFetchBytesOptions)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return err
	}
	if text, err = content.FetchAll(ctx, source, manifest.Config); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	for _, layer := range manifest.Layers {
		if err := copyBlob(ctx, source, target, layer); err != nil {
			return err
		}
	}
	layer, err := randomLayer(variant.Bytes)
	if err != nil {
		return err
	}
	pushed, err := oras.PushBytes(ctx, target, ocispec.MediaTypeImageLayer, layer)
	if err != nil {
		return err
	}
	manifest.Layers = append(manifest.Layers, pushed)
	config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(layer))
	config.History = append(config.History, ocispec.History{Comment: "a layer of its own"})
	if len(variant.Args) > 0 {
		config.Config.Cmd = variant.Args
	}
	if manifest.Config, err = pushJSON(ctx, target, manifest.Config.MediaType, config); err != nil {
		return err
	}
	if text, err = json.Marshal(manifest); err != nil {
		return err
	}
	_, err = oras.TagBytes(ctx, target, described.MediaType, text, to)
	return err
}

// copyBlob brings a blob from one repository to another, unless it is there.
func copyBlob(ctx context.Context, source content.Fetcher, target content.Storage, blob ocispec.Descriptor) error {
	exists, err := target.Exists(ctx, blob)
	if err != nil || exists {
		return err
	}
	reader, err := source.Fetch(ctx, blob)
	if err != nil {
		return err
	}
	defer reader.Close()
	return target.Push(ctx, blob, reader)
}

func pushJSON(ctx context.Context, target content.Pusher, mediaType string, value any) (ocispec.Descriptor, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return oras.PushBytes(ctx, target, mediaType, text)
}

// randomLayer is a layer with one file of that many bytes.
func randomLayer(size int) ([]byte, error) {
	data := make([]byte, max(size, 16))
	if _, err := rand.Read(data); err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "variant", Mode: 0o644, Size: int64(len(data))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err := w.Close()
	return layer.Bytes(), err
}
