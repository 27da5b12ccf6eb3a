// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func writeBinary(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func digest(t *testing.T, spec Spec) string {
	t.Helper()
	image, err := Assemble(spec)
	if err != nil {
		t.Fatal(err)
	}
	d, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func TestAssembleIsReproducible(t *testing.T) {
	base := digest(t, Spec{Files: []string{writeBinary(t, "app", "code")}, Env: []string{"A=1"}})
	tests := map[string]struct {
		spec     Spec
		wantSame bool
	}{
		"the same content in another place gives the same digest": {
			spec: Spec{Files: []string{writeBinary(t, "app", "code")}, Env: []string{"A=1"}}, wantSame: true},
		"other content gives another":    {spec: Spec{Files: []string{writeBinary(t, "app", "other")}, Env: []string{"A=1"}}},
		"another variable gives another": {spec: Spec{Files: []string{writeBinary(t, "app", "code")}, Env: []string{"A=2"}}},
		"a marker gives another": {
			spec: Spec{Files: []string{writeBinary(t, "app", "code")}, Env: []string{"A=1"}, Marker: "v1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.wantSame, digest(t, test.spec) == base); diff != "" {
				t.Errorf("digest is the same (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAssembleContent(t *testing.T) {
	image, err := Assemble(Spec{
		Files: []string{writeBinary(t, "operator", "x"), writeBinary(t, "webhook", "yy")}, User: "65532:65532", Marker: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	type file struct {
		Name string
		Mode int64
		Size int64
	}
	want := []file{{"tmp/", 0o1777, 0}, {"operator", 0o755, 1}, {"webhook", 0o755, 2}, {"marker", 0o644, 3}}
	var got []file
	for _, h := range headers(t, image) {
		got = append(got, file{h.Name, h.Mode, h.Size})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	wantConfig := v1.Config{Entrypoint: []string{"/operator"}, Env: []string{"PATH=/"}, User: "65532:65532", WorkingDir: "/"}
	if diff := cmp.Diff(wantConfig, config.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestAssembleWithoutFilesIsRefused(t *testing.T) {
	if _, err := Assemble(Spec{}); err == nil {
		t.Error("got no error")
	}
}

func headers(t *testing.T, image v1.Image) []*tar.Header {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var all []*tar.Header
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(content); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, h)
		}
	}
	return all
}

func TestLocalReference(t *testing.T) {
	tests := map[string]struct {
		reference string
		want      string
		wantError bool
	}{
		"a registry's name is replaced":          {reference: "ghcr.io/windlass-operator/windlass:dev", want: "127.0.0.1:5000/windlass-operator/windlass:dev"},
		"a missing tag is latest":                {reference: "ghcr.io/a/b", want: "127.0.0.1:5000/a/b:latest"},
		"Docker Hub's short names are spelt out": {reference: "busybox:1", want: "127.0.0.1:5000/library/busybox:1"},
		"a registry's port is replaced too":      {reference: "localhost:8080/a/b:c", want: "127.0.0.1:5000/a/b:c"},
		"upper case is refused":                  {reference: "ghcr.io/A/b:c", wantError: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tag, err := LocalReference(test.reference, "127.0.0.1:5000")
			if (err != nil) != test.wantError {
				t.Fatalf("error %v, want one: %t", err, test.wantError)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, tag.Name()); diff != "" {
				t.Errorf("reference (-want +got):\n%s", diff)
			}
		})
	}
}
