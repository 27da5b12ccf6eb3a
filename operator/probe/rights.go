// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// OperatorRights are those without which the operator in a namespace does not do its work. They are part of what the
// chart gives, and tell from outside whether roles and bindings are there as it made them.
func OperatorRights(namespace string) []authorizationv1.ResourceAttributes {
	return slices.Concat(
		everywhere("list", "pods", "nodes", "namespaces",
			"sidecarsets.apps.kruise.io", "statefulsets.apps.kruise.io", "schedpatches.apps.kruise.io"),
		everywhere("create", "pods", "pods/eviction", "controllerrevisions.apps"),
		everywhere("delete", "pods"),
		everywhere("patch", "pods", "pods/status", "pods/resize",
			"sidecarsets/status.apps.kruise.io", "statefulsets/status.apps.kruise.io", "schedpatches/status.apps.kruise.io"),
		[]authorizationv1.ResourceAttributes{
			{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Name: "windlass-operator", Namespace: namespace},
		},
	)
}

// WebhookRights are those without which the webhook in a namespace does not do its work.
func WebhookRights(namespace string) []authorizationv1.ResourceAttributes {
	return slices.Concat(
		everywhere("list", "sidecarsets.apps.kruise.io", "schedpatches.apps.kruise.io", "namespaces", "pods", "storageclasses.storage.k8s.io"),
		[]authorizationv1.ResourceAttributes{
			{Verb: "list", Group: "apps", Resource: "controllerrevisions", Namespace: namespace},
		},
	)
}

// everywhere are rights to resources of all namespaces, or of none: RESOURCE, RESOURCE/SUBRESOURCE, and .GROUP behind it.
func everywhere(verb string, resources ...string) []authorizationv1.ResourceAttributes {
	out := make([]authorizationv1.ResourceAttributes, len(resources))
	for i, name := range resources {
		out[i].Verb = verb
		out[i].Resource, out[i].Group, _ = strings.Cut(name, ".")
		out[i].Resource, out[i].Subresource, _ = strings.Cut(out[i].Resource, "/")
	}
	return out
}
