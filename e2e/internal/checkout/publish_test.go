// SPDX-License-Identifier: Apache-2.0

package checkout

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/e2e/internal/gitserver"
)

func publish(t *testing.T, changes map[string]any) *gitserver.Repository {
	t.Helper()
	server, err := gitserver.Start(t.Context(), t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	repository, err := Publish(t.Context(), server, "windlass", changes)
	if err != nil {
		t.Fatal(err)
	}
	return repository
}

func read(t *testing.T, repository *gitserver.Repository, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository.Checkout, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestAPublishedCheckoutNamesItself(t *testing.T) {
	repository := publish(t, nil)
	got := read(t, repository, "examples/flux/gitrepository.yaml")
	if want := "url: " + repository.URL + "\n"; !strings.Contains(got, want) || strings.Contains(got, publicURL) {
		t.Errorf("gitrepository.yaml does not say %q alone:\n%s", want, got)
	}
}

func TestAPublishedChartHasOtherDefaultsWhereItIsAskedTo(t *testing.T) {
	type values struct {
		Image    map[string]string `json:"image"`
		Operator struct {
			Replicas int `json:"replicas"`
		} `json:"operator"`
	}
	parse := func(repository *gitserver.Repository) (v values) {
		t.Helper()
		if err := yaml.Unmarshal([]byte(read(t, repository, chartValues)), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	want := parse(publish(t, nil))
	want.Image["tag"] = "mine"
	got := parse(publish(t, map[string]any{"image": map[string]any{"tag": "mine"}}))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}
