// SPDX-License-Identifier: Apache-2.0

package checkout

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/e2e/internal/gitserver"
)

// publicURL is where the examples say that the repository is.
const publicURL = "https://github.com/windlass-operator/windlass"

// chartValues is the file of the chart's default values.
const chartValues = "charts/windlass/values.yaml"

// Publish makes a repository that holds this checkout's charts and examples, as they are on disk, and names itself
// where they name the public repository. The chart's values are changed by the ones given, which may be none.
func Publish(ctx context.Context, server *gitserver.Server, name string, values map[string]any) (*gitserver.Repository, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	repository, err := server.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	_, err = repository.Commit(ctx, "The chart and the examples",
		gitserver.CopyTree(filepath.Join(root, "charts"), "charts"),
		gitserver.CopyTree(filepath.Join(root, "examples"), "examples"),
		renameRepository("examples", repository.URL),
		mergeValues(values))
	if err != nil {
		return nil, err
	}
	return repository, nil
}

// renameRepository names a repository wherever the YAML files of a directory name the public one.
func renameRepository(directory, url string) gitserver.Edit {
	return func(checkout string) error {
		return filepath.WalkDir(filepath.Join(checkout, directory), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, []byte(strings.ReplaceAll(string(content), publicURL, url)), 0o644)
		})
	}
}

// mergeValues changes the chart's default values, one level deep.
func mergeValues(changes map[string]any) gitserver.Edit {
	return func(checkout string) error {
		if len(changes) == 0 {
			return nil
		}
		content, err := os.ReadFile(filepath.Join(checkout, chartValues))
		if err != nil {
			return err
		}
		values := map[string]any{}
		if err := yaml.Unmarshal(content, &values); err != nil {
			return fmt.Errorf("read %s: %w", chartValues, err)
		}
		for key, change := range changes {
			values[key] = merged(values[key], change)
		}
		out, err := yaml.Marshal(values)
		if err != nil {
			return fmt.Errorf("write %s: %w", chartValues, err)
		}
		return gitserver.Write(chartValues, string(out))(checkout)
	}
}

// merged is a value after a change: of a map, the keys that the change has.
func merged(value, change any) any {
	before, isMap := value.(map[string]any)
	to, toMap := change.(map[string]any)
	if !isMap || !toMap {
		return change
	}
	for key, value := range to {
		before[key] = value
	}
	return before
}
