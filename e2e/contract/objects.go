// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// ReadObject reads an object from a file of YAML.
func ReadObject(file string) (*unstructured.Unstructured, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if data, err = yaml.YAMLToJSON(data); err == nil {
		err = object.UnmarshalJSON(data)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return object, nil
}
