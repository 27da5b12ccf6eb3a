// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
)

func TestAVariantIsTheImageWithALayerOfItsOwn(t *testing.T) {
	ctx, source, target := t.Context(), memory.New(), memory.New()
	program := []byte("the program")
	layer, err := oras.PushBytes(ctx, source, ocispec.MediaTypeImageLayer, program)
	if err != nil {
		t.Fatal(err)
	}
	config, err := pushJSON(ctx, source, ocispec.MediaTypeImageConfig, ocispec.Image{
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
		Config: ocispec.ImageConfig{Entrypoint: []string{"/program"}, Env: []string{"A=b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{layer}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := oras.TagBytes(ctx, source, ocispec.MediaTypeImageManifest, text, "v1"); err != nil {
		t.Fatal(err)
	}

	digests := map[digest.Digest]bool{}
	for range 2 {
		if err := pushVariant(ctx, source, "v1", target, "new", Variant{Bytes: 10_000, Args: []string{"exit", "1"}}); err != nil {
			t.Fatal(err)
		}
		var manifest ocispec.Manifest
		var config ocispec.Image
		_, text, err := oras.FetchBytes(ctx, target, "new", oras.DefaultFetchBytesOptions)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &manifest); err != nil {
			t.Fatal(err)
		}
		if text, err = content.FetchAll(ctx, target, manifest.Config); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &config); err != nil {
			t.Fatal(err)
		}
		own := manifest.Layers[len(manifest.Layers)-1]
		digests[own.Digest] = true
		if own.Size < 10_000 {
			t.Errorf("its own layer has %d bytes, want 10000 at least", own.Size)
		}
		if diff := cmp.Diff([]digest.Digest{layer.Digest, own.Digest}, config.RootFS.DiffIDs); diff != "" {
			t.Errorf("layers (-want +got):\n%s", diff)
		}
		want := ocispec.ImageConfig{Entrypoint: []string{"/program"}, Env: []string{"A=b"}, Cmd: []string{"exit", "1"}}
		if diff := cmp.Diff(want, config.Config); diff != "" {
			t.Errorf("what runs (-want +got):\n%s", diff)
		}
		got, err := content.FetchAll(ctx, target, manifest.Layers[0])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(program), string(got)); diff != "" {
			t.Errorf("the layer that they share (-want +got):\n%s", diff)
		}
	}
	if len(digests) != 2 {
		t.Errorf("two variants have %d layers of their own, want 2", len(digests))
	}
}
