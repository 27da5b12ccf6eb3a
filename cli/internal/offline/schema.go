// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/crds"
)

// definition is what a CustomResourceDefinition says of its objects, in one version.
type definition struct {
	namespaced bool
	structural *schema.Structural
	openAPI    schemavalidation.SchemaValidator
	rules      *cel.Validator
	// replicas is where the number is that the subresource scale changes; "" without one.
	replicas string
}

// definitions are those of our kinds, made when they are asked for: their rules take a while to compile.
type definitions struct {
	known  map[string]*apiextensionsv1.CustomResourceDefinition
	solved map[string]*definition
}

func newDefinitions() (*definitions, error) {
	out := &definitions{known: map[string]*apiextensionsv1.CustomResourceDefinition{}, solved: map[string]*definition{}}
	files, err := crds.FS.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := crds.FS.ReadFile(file.Name())
		if err != nil {
			return nil, err
		}
		object := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		out.known[object.Spec.Names.Kind] = object
	}
	return out, nil
}

// served are the versions of a kind.
func (d *definitions) served(kind string) (versions []string) {
	for i := range d.known[kind].Spec.Versions {
		if v := &d.known[kind].Spec.Versions[i]; v.Served {
			versions = append(versions, v.Name)
		}
	}
	return versions
}

// of returns the definition of a kind in a version that is served.
func (d *definitions) of(kind, version string) (*definition, error) {
	key := kind + "." + version
	if solved := d.solved[key]; solved != nil {
		return solved, nil
	}
	object := d.known[kind]
	at := slices.IndexFunc(object.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == version })
	props := &apiextensions.JSONSchemaProps{}
	text := object.Spec.Versions[at].Schema.OpenAPIV3Schema
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(text, props, nil)
	if err != nil {
		return nil, err
	}
	out := &definition{namespaced: object.Spec.Scope == apiextensionsv1.NamespaceScoped}
	if out.structural, err = schema.NewStructural(props); err != nil {
		return nil, err
	}
	if out.openAPI, _, err = schemavalidation.NewSchemaValidator(props); err != nil {
		return nil, err
	}
	out.rules = cel.NewValidator(out.structural, true, celconfig.PerCallLimit)
	if sub := object.Spec.Versions[at].Subresources; sub != nil && sub.Scale != nil {
		out.replicas = sub.Scale.SpecReplicasPath
	}
	d.solved[key] = out
	return out, nil
}

// take does with an object what the API server does before it asks webhooks that change it: unknown fields go, and
// defaults come. It names the fields that went.
func (d *definition) take(object *unstructured.Unstructured) (unknown []string, err error) {
	track := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	unknown = pruning.PruneWithOptions(object.Object, d.structural, true, track)
	defaulting.PruneNonNullableNullsWithoutDefaults(object.Object, d.structural)
	metadata := objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true}
	fault, more := objectmeta.CoerceWithOptions(nil, object.Object, d.structural, true, metadata)
	if fault != nil {
		return nil, fault
	}
	delete(object.Object, "status") // a write of the object does not reach it
	defaulting.Default(object.Object, d.structural)
	unknown = append(unknown, more...)
	slices.Sort(unknown)
	return unknown, nil
}

// validate says what the API server has against an object, in the order and the words in which it does.
func (d *definition) validate(ctx context.Context, object *unstructured.Unstructured) field.ErrorList {
	errs := d.metadata(object)
	errs = append(errs, schemavalidation.ValidateCustomResource(nil, object.Object, d.openAPI)...)
	errs = append(errs, d.scale(object)...)
	errs = append(errs, objectmeta.Validate(ctx, nil, object.Object, d.structural, false)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, d.structural, object.Object)...)
	if slices.ContainsFunc(errs, blocking) {
		return append(errs, field.Invalid(nil, nil, unchecked))
	}
	broken, _ := d.rules.Validate(ctx, nil, d.structural, object.Object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, broken...)
}

// scale says what the API server has against the number that the subresource scale changes.
func (d *definition) scale(object *unstructured.Unstructured) field.ErrorList {
	if d.replicas == "" {
		return nil
	}
	path := field.NewPath(d.replicas)
	switch n, _, err := unstructured.NestedInt64(object.Object, strings.Split(strings.TrimPrefix(d.replicas, "."), ".")...); {
	case err != nil:
		return field.ErrorList{field.Invalid(path, n, err.Error())}
	case n < 0:
		return field.ErrorList{field.Invalid(path, n, "should be a non-negative integer")}
	}
	return nil
}

// unchecked is what the API server says besides where an error keeps it from looking at rules.
const unchecked = "some validation rules were not checked because the object was invalid; " +
	"correct the existing errors to complete validation"

// blocking reports whether an error keeps the API server from looking at rules.
func blocking(err *field.Error) bool {
	switch err.Type {
	case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
		return true
	}
	return false
}

// metadata validates the name and what else all objects have. A name that the API server would make is one that it finds
// right.
func (d *definition) metadata(object *unstructured.Unstructured) field.ErrorList {
	whole := object.DeepCopy()
	if whole.GetName() == "" && whole.GetGenerateName() != "" {
		whole.SetName(whole.GetGenerateName() + "x")
	}
	return validation.ValidateObjectMetaAccessor(whole, d.namespaced, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
}
