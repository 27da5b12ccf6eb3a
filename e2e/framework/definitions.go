// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// InstallDefinitions creates the CustomResourceDefinitions in the YAML files of directories, and waits until their
// kinds are served. It returns their names. Those that are there already stay as they are.
func (c *Cluster) InstallDefinitions(ctx context.Context, directories ...string) (names []string, err error) {
	var definitions []*apiextensionsv1.CustomResourceDefinition
	for _, directory := range directories {
		found, err := readDefinitions(directory)
		if err != nil {
			return nil, err
		}
		definitions = append(definitions, found...)
	}
	for _, definition := range definitions {
		if err := c.Client.Create(ctx, definition); client.IgnoreAlreadyExists(err) != nil {
			return nil, fmt.Errorf("create CustomResourceDefinition %s: %w", definition.Name, err)
		}
	}
	for _, definition := range definitions {
		if err := c.awaitServed(ctx, definition); err != nil {
			return nil, err
		}
		names = append(names, definition.Name)
	}
	return names, nil
}

func (c *Cluster) awaitServed(ctx context.Context, definition *apiextensionsv1.CustomResourceDefinition) error {
	return Until(ctx, Patience, "serve "+definition.Name, func(ctx context.Context) error {
		if err := c.Client.Get(ctx, client.ObjectKeyFromObject(definition), definition); err != nil {
			return err
		}
		for _, condition := range definition.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return c.knows(definition)
			}
		}
		return errors.New("it is not Established")
	})
}

// knows returns nil when the client's own map of kinds, which it refreshes when it misses one, has the definition's.
func (c *Cluster) knows(definition *apiextensionsv1.CustomResourceDefinition) error {
	kind := schema.GroupKind{Group: definition.Spec.Group, Kind: definition.Spec.Names.Kind}
	_, err := c.Client.RESTMapper().RESTMapping(kind)
	return err
}

// RemoveDefinitions deletes CustomResourceDefinitions, and with them all objects of their kinds, and waits until they
// are gone. Those that are gone already are no error.
func (c *Cluster) RemoveDefinitions(ctx context.Context, names ...string) error {
	for _, name := range names {
		definition := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := c.Client.Delete(ctx, definition); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete CustomResourceDefinition %s: %w", name, err)
		}
	}
	for _, name := range names {
		err := Until(ctx, Patience, "remove "+name, func(ctx context.Context) error {
			definition := &apiextensionsv1.CustomResourceDefinition{}
			err := c.Client.Get(ctx, client.ObjectKey{Name: name}, definition)
			switch {
			case client.IgnoreNotFound(err) != nil:
				return err
			case err == nil:
				return fmt.Errorf("it is there still, with finalizers %v", definition.Finalizers)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readDefinitions reads the CustomResourceDefinitions of a directory's YAML files, and passes over whatever else they
// hold.
func readDefinitions(directory string) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("look for CustomResourceDefinitions: %s has no YAML files", directory)
	}
	var definitions []*apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read CustomResourceDefinitions: %w", err)
		}
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content))
		for {
			definition := &apiextensionsv1.CustomResourceDefinition{}
			err := decoder.Decode(definition)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("read CustomResourceDefinitions of %s: %w", file, err)
			}
			if definition.Kind == "CustomResourceDefinition" {
				definitions = append(definitions, definition)
			}
		}
	}
	return definitions, nil
}
