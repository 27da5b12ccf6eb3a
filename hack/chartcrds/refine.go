// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/internal/quantity"
)

// refinement changes the schema at one path of a kind.
type refinement struct {
	path   string
	change func(*schemaProps)
}

// refinements are, by kind, what markers on the Go types cannot say: rules about types of Kubernetes' own, and about
// what is kept without a schema.
var refinements = map[string][]refinement{
	"SidecarSet":  sidecarSetRefinements,
	"StatefulSet": statefulSetRefinements,
	"SchedPatch":  schedPatchRefinements,
}

// refineYAML applies refine to a definition in YAML.
func refineYAML(content []byte) ([]byte, error) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(content, crd); err != nil {
		return nil, err
	}
	if err := refine(crd); err != nil {
		return nil, err
	}
	return marshal(crd)
}

// refine completes a definition that controller-gen made. It fails when a refinement finds nothing to refine, because
// then a rule would be lost.
func refine(crd *apiextensionsv1.CustomResourceDefinition) error {
	// Said outright, because all versions share one schema and no conversion webhook of a former owner of the
	// definition must survive.
	crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
	stored, err := storedVersion(crd)
	if err != nil {
		return err
	}
	root := stored.Schema.OpenAPIV3Schema
	for _, r := range refinements[crd.Spec.Names.Kind] {
		if err := edit(root, r.path, r.change); err != nil {
			return fmt.Errorf("version %s: %w", stored.Name, err)
		}
	}
	if example := boundedKinds[crd.Spec.Names.Kind]; example != nil {
		boundQuantities(root, quantity.PlacesIn(example))
	}
	walk(root, boundNumber)
	walk(root, checkLabelSelector)
	dropDefaultsInLists(root)
	for i := range crd.Spec.Versions {
		share(stored, &crd.Spec.Versions[i])
	}
	return nil
}

func storedVersion(crd *apiextensionsv1.CustomResourceDefinition) (*apiextensionsv1.CustomResourceDefinitionVersion, error) {
	for i := range crd.Spec.Versions {
		if version := &crd.Spec.Versions[i]; version.Storage {
			return version, nil
		}
	}
	return nil, fmt.Errorf("no version of %s is the stored one", crd.Spec.Names.Kind)
}

// share gives a version what the stored one has, so that neither loses a field of the other. What it says of itself is
// its own.
func share(stored, version *apiextensionsv1.CustomResourceDefinitionVersion) {
	if version == stored {
		return
	}
	description := version.Schema.OpenAPIV3Schema.Description
	version.Schema = stored.Schema.DeepCopy()
	version.Schema.OpenAPIV3Schema.Description = description
	version.Subresources = stored.Subresources.DeepCopy()
	version.AdditionalPrinterColumns = slices.Clone(stored.AdditionalPrinterColumns)
}

// marshal writes a definition without the fields that only a server fills in.
func marshal(crd *apiextensionsv1.CustomResourceDefinition) ([]byte, error) {
	content, err := yaml.Marshal(crd)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	if err := yaml.Unmarshal(content, &object); err != nil {
		return nil, err
	}
	delete(object, "status")
	return yaml.Marshal(object)
}
