// SPDX-License-Identifier: Apache-2.0

package main

import apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

// mergedByKey gives a Pod template that is kept without a schema so much of one that the lists in it are merged item by
// item when several clients apply a part of it, as in apps/v1. Everything else stays as it is: fields that nobody knows
// are kept, and null is taken for an empty list.
//
// Three lists that apps/v1 merges are not among them, and belong to one client as a whole. The key of ports has the
// protocol in it, which manifests leave out and no default may fill in; the names of imagePullSecrets may be missing,
// or there twice; and the same address is in hostAliases more than once in manifests that every other API takes.
func mergedByKey(template *schemaProps) {
	containers := listMap(with(open(), map[string]schemaProps{
		"env":           listMap(open(), "name"),
		"resources":     with(open(), map[string]schemaProps{"claims": listMap(open(), "name")}),
		"volumeDevices": listMap(open(), "devicePath"),
		"volumeMounts":  listMap(open(), "mountPath"),
	}), "name")
	template.Properties = map[string]schemaProps{"spec": with(open(), map[string]schemaProps{
		"containers":                containers,
		"evictionResponders":        listMap(open(), "name"),
		"initContainers":            containers,
		"resourceClaims":            listMap(open(), "name"),
		"schedulingGates":           listMap(open(), "name"),
		"topologySpreadConstraints": listMap(open(), "topologyKey", "whenUnsatisfiable"),
		"volumes":                   listMap(open(), "name"),
	})}
}

// open is an object that keeps all its fields.
func open() schemaProps {
	keep := true
	return schemaProps{Type: "object", Nullable: true, XPreserveUnknownFields: &keep}
}

// with adds fields to an object.
func with(object schemaProps, properties map[string]schemaProps) schemaProps {
	object.Properties = properties
	return object
}

// listMap is a list of objects that keys, strings, tell apart.
func listMap(item schemaProps, keys ...string) schemaProps {
	listType := "map"
	item.Nullable, item.Required = false, keys
	properties := map[string]schemaProps{}
	for name, property := range item.Properties {
		properties[name] = property
	}
	for _, key := range keys {
		properties[key] = schemaProps{Type: "string"}
	}
	item.Properties = properties
	return schemaProps{
		Type: "array", Nullable: true, Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &item},
		XListType: &listType, XListMapKeys: keys,
	}
}
