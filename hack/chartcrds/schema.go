// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// schemaProps shortens the name of a node in a schema.
type schemaProps = apiextensionsv1.JSONSchemaProps

// edit changes the schema at a path such as spec.containers[].name, where [] stands for the items of a list. It fails
// when there is no such path.
func edit(root *schemaProps, path string, change func(*schemaProps)) error {
	head, rest, more := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(head, "[]")
	property, ok := root.Properties[name]
	if !ok {
		return fmt.Errorf("there is no field %q to refine", name)
	}
	target := &property
	if isList {
		if property.Items == nil || property.Items.Schema == nil {
			return fmt.Errorf("field %q to refine is no list", name)
		}
		target = property.Items.Schema
	}
	if !more {
		change(target)
	} else if err := edit(target, rest, change); err != nil {
		return fmt.Errorf("%s: %w", head, err)
	}
	// A map hands out copies: put the changed one back.
	root.Properties[name] = property
	return nil
}

// walk visits a schema and everything in it, the deepest first.
func walk(schema *schemaProps, visit func(*schemaProps)) {
	for name, property := range schema.Properties {
		walk(&property, visit)
		schema.Properties[name] = property
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		walk(schema.AdditionalProperties.Schema, visit)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		walk(schema.Items.Schema, visit)
	}
	visit(schema)
}

// dropDefaultsInLists removes the defaults of everything inside list items. GitOps tools compare a list as a whole, so
// that a default filled in there is a difference that never goes away.
func dropDefaultsInLists(root *schemaProps) {
	walk(root, func(schema *schemaProps) {
		if schema.Items != nil && schema.Items.Schema != nil {
			walk(schema.Items.Schema, func(inside *schemaProps) { inside.Default = nil })
		}
	})
}

// inOrder makes one change of several.
func inOrder(changes ...func(*schemaProps)) func(*schemaProps) {
	return func(schema *schemaProps) {
		for _, change := range changes {
			change(schema)
		}
	}
}

// rule adds a CEL rule with a fixed message.
func rule(expression, message string) func(*schemaProps) {
	return addRule(apiextensionsv1.ValidationRule{Rule: expression, Message: message})
}

// ruleNamingValue adds a CEL rule on a string; its message opens with the value.
func ruleNamingValue(expression, message string) func(*schemaProps) {
	return addRule(apiextensionsv1.ValidationRule{
		Rule:              expression,
		MessageExpression: fmt.Sprintf(`'is "' + self + '"; %s'`, message),
	})
}

func addRule(r apiextensionsv1.ValidationRule) func(*schemaProps) {
	return func(schema *schemaProps) {
		schema.XValidations = append(schema.XValidations, r)
	}
}

// between limits an integer.
func between(minimum, maximum float64) func(*schemaProps) {
	return func(schema *schemaProps) {
		schema.Minimum, schema.Maximum = &minimum, &maximum
	}
}

// atLeastItems and atMostItems limit the length of a list. A list without upper limit makes the API server expect the
// worst of the rules inside.
func atLeastItems(n int64) func(*schemaProps) {
	return func(schema *schemaProps) { schema.MinItems = &n }
}

func atMostItems(n int64) func(*schemaProps) {
	return func(schema *schemaProps) { schema.MaxItems = &n }
}

// atMostBytes limits the length of a string.
func atMostBytes(n int64) func(*schemaProps) {
	return func(schema *schemaProps) { schema.MaxLength = &n }
}

// oneOf limits a string to these values.
func oneOf(values ...string) func(*schemaProps) {
	return func(schema *schemaProps) {
		schema.Enum = nil
		for _, value := range values {
			schema.Enum = append(schema.Enum, apiextensionsv1.JSON{Raw: fmt.Appendf(nil, "%q", value)})
		}
	}
}

// requiring makes these fields mandatory, and no others.
func requiring(names ...string) func(*schemaProps) {
	return func(schema *schemaProps) { schema.Required = names }
}

// objectsKeptWhole makes a list of objects whose fields are kept, known or not.
func objectsKeptWhole(schema *schemaProps) {
	keep := true
	schema.Type = "array"
	schema.XPreserveUnknownFields = nil
	schema.Items = &apiextensionsv1.JSONSchemaPropsOrArray{
		Schema: &schemaProps{Type: "object", XPreserveUnknownFields: &keep},
	}
}

// keyedByName makes the items of a list unique by a field name, as Pods need the names of containers and volumes.
func keyedByName(schema *schemaProps) {
	listMap := "map"
	schema.XListType, schema.XListMapKeys = &listMap, []string{"name"}
	named(schema.Items.Schema)
}

// named gives an object a mandatory field name: a DNS label.
func named(object *schemaProps) {
	if object.Properties == nil {
		object.Properties = map[string]schemaProps{}
	}
	one, most := int64(1), int64(63)
	object.Properties["name"] = schemaProps{
		Description: "Name, unique in its list: at most 63 lower case letters, digits and dashes.",
		Type:        "string",
		MinLength:   &one,
		MaxLength:   &most,
		Pattern:     `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`,
	}
	object.Required = append(object.Required, "name")
}
