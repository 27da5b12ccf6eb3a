// SPDX-License-Identifier: Apache-2.0

package flux

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Kinds of Flux's objects.
var (
	GitRepository = schema.GroupVersionKind{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "GitRepository"}
	HelmChart     = schema.GroupVersionKind{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "HelmChart"}
	HelmRelease   = schema.GroupVersionKind{Group: "helm.toolkit.fluxcd.io", Version: "v2", Kind: "HelmRelease"}
	Kustomization = schema.GroupVersionKind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"}
)

// requestedAt is the annotation by which a user asks for an object to be looked at now.
const requestedAt = "reconcile.fluxcd.io/requestedAt"

// Status is what Flux says of an object.
type Status struct {
	ObservedGeneration int64              `json:"observedGeneration"`
	Conditions         []metav1.Condition `json:"conditions"`
	// Revisions of a Kustomization, BRANCH@sha1:COMMIT: the last that was tried, and the last that became healthy.
	LastAttemptedRevision string `json:"lastAttemptedRevision"`
	LastAppliedRevision   string `json:"lastAppliedRevision"`
	// History of a HelmRelease, newest first.
	History []Release `json:"history"`
}

// Release is one that helm-controller made.
type Release struct {
	Version      int    `json:"version"`
	Status       string `json:"status"`
	ChartVersion string `json:"chartVersion"`
}

// Condition is a condition, zero when there is none.
func (s *Status) Condition(kind string) metav1.Condition {
	for _, c := range s.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return metav1.Condition{}
}

// String tells all conditions in one line.
func (s *Status) String() string {
	parts := make([]string, 0, len(s.Conditions))
	for _, c := range s.Conditions {
		parts = append(parts, fmt.Sprintf("%s=%s (%s: %s)", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(parts, ", ")
}

// StatusOf is what Flux says of an object that has been read.
func StatusOf(object *unstructured.Unstructured) (*Status, error) {
	fields, _, err := unstructured.NestedMap(object.Object, "status")
	if err != nil {
		return nil, fmt.Errorf("status of %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	status := &Status{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, status); err != nil {
		return nil, fmt.Errorf("status of %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return status, nil
}

// Objects reads and writes Flux's objects in its namespace.
type Objects struct {
	Client client.Client
}

// Get reads an object.
func (o Objects) Get(ctx context.Context, kind schema.GroupVersionKind, name string) (*unstructured.Unstructured, error) {
	object := Named(kind, name)
	if err := o.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind.Kind, name, err)
	}
	return object, nil
}

// Ready returns nil when Flux has seen an object's latest generation and says that it is ready.
func (o Objects) Ready(ctx context.Context, kind schema.GroupVersionKind, name string) error {
	object, err := o.Get(ctx, kind, name)
	if err != nil {
		return err
	}
	status, err := StatusOf(object)
	if err != nil {
		return err
	}
	if status.ObservedGeneration != object.GetGeneration() || status.Condition("Ready").Status != metav1.ConditionTrue {
		return fmt.Errorf("%s %s is not ready; generation %d, seen %d: %s", kind.Kind, name, object.GetGeneration(), status.ObservedGeneration, status)
	}
	return nil
}

// Applied returns nil when a Kustomization is ready with a commit.
func (o Objects) Applied(ctx context.Context, name, commit string) error {
	object, err := o.Get(ctx, Kustomization, name)
	if err != nil {
		return err
	}
	status, err := StatusOf(object)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(status.LastAppliedRevision, ":"+commit) {
		return fmt.Errorf("Kustomization %s has applied %s, not %s: %s", name, status.LastAppliedRevision, commit, status)
	}
	return o.Ready(ctx, Kustomization, name)
}

// Reconcile asks Flux to look at an object now, as `flux reconcile` does.
func (o Objects) Reconcile(ctx context.Context, kind schema.GroupVersionKind, name string) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, requestedAt, time.Now().Format(time.RFC3339Nano))
	if err := o.Client.Patch(ctx, Named(kind, name), client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		return fmt.Errorf("ask for %s %s to be reconciled: %w", kind.Kind, name, err)
	}
	return nil
}

// Named is an object of which only the name is known.
func Named(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	object.SetNamespace(Namespace)
	object.SetName(name)
	return object
}
