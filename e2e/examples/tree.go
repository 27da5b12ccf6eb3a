// SPDX-License-Identifier: Apache-2.0

// Package examples builds the manifests of the directory examples as Kustomize does, so that tests can judge what
// people will copy.
package examples

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// Tree is a directory in memory, so that a test can change a file as a commit would.
type Tree struct {
	files filesys.FileSystem
}

// Load copies a directory. Paths of the tree begin below it.
func Load(directory string) (*Tree, error) {
	t := &Tree{files: filesys.MakeFsInMemory()}
	copyFile := func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(directory, path)
		if err != nil {
			return err
		}
		return t.files.WriteFile(below, content)
	}
	if err := filepath.WalkDir(directory, copyFile); err != nil {
		return nil, fmt.Errorf("load %s: %w", directory, err)
	}
	return t, nil
}

// Write makes or replaces a file.
func (t *Tree) Write(path, content string) error {
	if err := t.files.WriteFile(path, []byte(content)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// EditLine replaces text within one line of a file. The text must occur once.
func (t *Tree) EditLine(path, from, to string) error {
	content, err := t.files.ReadFile(path)
	if err != nil {
		return fmt.Errorf("edit %s: %w", path, err)
	}
	if found := strings.Count(string(content), from); found != 1 || strings.Contains(from+to, "\n") {
		return fmt.Errorf("edit %s: %q occurs %d times; it must occur once, and within a line", path, from, found)
	}
	return t.Write(path, strings.Replace(string(content), from, to, 1))
}

// Build makes the objects of a kustomization, in the order in which kustomize prints them.
func (t *Tree) Build(path string) ([]*unstructured.Unstructured, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(t.files, path)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", path, err)
	}
	objects := make([]*unstructured.Unstructured, 0, built.Size())
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			return nil, fmt.Errorf("build %s: %s: %w", path, resource.CurId(), err)
		}
		object, err := decodeObject(text)
		if err != nil {
			return nil, fmt.Errorf("build %s: %s: %w", path, resource.CurId(), err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// decodeObject reads one object.
func decodeObject(text []byte) (*unstructured.Unstructured, error) {
	json, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(json); err != nil {
		return nil, err
	}
	return object, nil
}
