// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// Rights are what a program may do in an installation, or has to be able to.
type Rights []authorizationv1.ResourceAttributes

// Roles are what the names in the chart's roles depend on.
type Roles struct {
	// Namespace is the one that both programs run in.
	Namespace string
	// Mutating and Validating are the webhook configurations.
	Mutating, Validating string
	// CertManager: it makes the certificates, and not the webhook.
	CertManager bool
	// SelfSecret and CertManagerSecret are the Secrets of the two providers, and Certificate the one of cert-manager.
	SelfSecret, CertManagerSecret, Certificate string
}

// leases are the leader's, and auto remediation's.
var leases = []string{"windlass-operator", "windlass-operator-remediation"}

// OperatorRights are all that the chart gives to the operator with its default values, which has a use for each.
func (r *Roles) OperatorRights() Rights {
	return slices.Concat(
		to("get list watch", "nodes", "namespaces", "sidecarsets.apps.kruise.io", "statefulsets.apps.kruise.io",
			"storageclasses.storage.k8s.io", "poddisruptionbudgets.policy",
			"deployments.apps", "replicasets.apps", "statefulsets.apps", "cronjobs.batch", "jobs.batch"),
		to("get list watch create patch delete", "pods", "controllerrevisions.apps", "schedpatches.apps.kruise.io"),
		to("get list watch create patch", "persistentvolumeclaims"),
		to("get", "persistentvolumes"),
		to("create", "pods/eviction"),
		to("patch", "pods/status", "pods/resize",
			"sidecarsets/status.apps.kruise.io", "statefulsets/status.apps.kruise.io", "schedpatches/status.apps.kruise.io"),
		to("update", "statefulsets/finalizers.apps.kruise.io"),
		to("create patch", "events", "events.events.k8s.io"),
		to("get", "mutatingwebhookconfigurations.admissionregistration.k8s.io").named(r.Mutating),
		to("create", "leases.coordination.k8s.io").in(r.Namespace),
		to("get update", "leases.coordination.k8s.io").named(leases...).in(r.Namespace),
		to("list", "endpointslices.discovery.k8s.io").in(r.Namespace),
	)
}

// WebhookRights are all that the chart gives to the webhook with its default values and the provider of certificates,
// which has a use for each.
func (r *Roles) WebhookRights() Rights {
	return slices.Concat(
		to("get list watch", "sidecarsets.apps.kruise.io", "namespaces", "storageclasses.storage.k8s.io"),
		to("list watch", "schedpatches.apps.kruise.io", "pods"),
		to("list", "nodes", "poddisruptionbudgets.policy"),
		to("get", "deployments.apps", "replicasets.apps", "statefulsets.apps", "cronjobs.batch", "jobs.batch", "statefulsets.apps.kruise.io"),
		to("get list watch", "controllerrevisions.apps").in(r.Namespace),
		to("create patch", "events.events.k8s.io").in(r.Namespace),
		r.certificateRights(),
	)
}

// certificateRights are those for the certificates and for the CA in the webhook configurations.
func (r *Roles) certificateRights() Rights {
	const (
		mutating   = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
		validating = "validatingwebhookconfigurations.admissionregistration.k8s.io"
	)
	if r.CertManager {
		return slices.Concat(
			to("list watch", mutating).named(r.Mutating),
			to("list watch", validating).named(r.Validating),
			to("list watch", "secrets").named(r.SelfSecret, r.CertManagerSecret).in(r.Namespace),
			to("get", "certificates.cert-manager.io").named(r.Certificate).in(r.Namespace),
			to("list", "certificaterequests.cert-manager.io").in(r.Namespace),
		)
	}
	return slices.Concat(
		to("list watch", mutating, validating),
		to("get update", mutating).named(r.Mutating),
		to("get update", validating).named(r.Validating),
		to("list watch create", "secrets").in(r.Namespace),
		to("get update", "secrets").named(r.SelfSecret).in(r.Namespace),
	)
}

// to are rights, by verbs with blanks between them, to resources of all namespaces, or of none: RESOURCE or
// RESOURCE/SUBRESOURCE, and .GROUP behind it.
func to(verbs string, resources ...string) Rights {
	var out Rights
	for _, name := range resources {
		for verb := range strings.FieldsSeq(verbs) {
			right := authorizationv1.ResourceAttributes{Verb: verb}
			right.Resource, right.Group, _ = strings.Cut(name, ".")
			right.Resource, right.Subresource, _ = strings.Cut(right.Resource, "/")
			out = append(out, right)
		}
	}
	return out
}

// named are the same rights to objects of these names alone.
func (r Rights) named(names ...string) Rights {
	var out Rights
	for _, name := range names {
		for _, right := range r {
			right.Name = name
			out = append(out, right)
		}
	}
	return out
}

// in are the same rights in one namespace alone.
func (r Rights) in(namespace string) Rights {
	for i := range r {
		r[i].Namespace = namespace
	}
	return r
}
