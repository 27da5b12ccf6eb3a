// SPDX-License-Identifier: Apache-2.0

package read

import (
	"context"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Tree reads an object and its Pods, and makes a tree of them. What the user may not read beside is told as errors in
// the list.
func (c *Cluster) Tree(ctx context.Context, ref view.Ref, now time.Time) (*view.Tree, []error, error) {
	switch ref.Kind {
	case view.SidecarSet:
		set := &v1beta1.SidecarSet{}
		if err := c.one(ctx, ref, set); err != nil {
			return nil, nil, err
		}
		return c.treeOfSidecarSet(ctx, set, now)
	case view.StatefulSet:
		set := &v1beta1.StatefulSet{}
		if err := c.one(ctx, ref, set); err != nil {
			return nil, nil, err
		}
		pods, err := c.Controlled(ctx, set)
		return view.TreeOfStatefulSet(set, pods, now), nil, err
	}
	patch := &v1alpha1.SchedPatch{}
	if err := c.one(ctx, ref, patch); err != nil {
		return nil, nil, err
	}
	return c.treeOfSchedPatch(ctx, patch, now)
}

func (c *Cluster) treeOfSidecarSet(ctx context.Context, object *v1beta1.SidecarSet, now time.Time) (*view.Tree, []error, error) {
	var errs []error
	set, err := sidecar.Compile(object)
	if err != nil {
		return nil, nil, err
	}
	out := &view.SidecarPods{Set: set, Sets: []*sidecar.Set{set}}
	if out.Pods, err = c.Selected(ctx, set); err != nil {
		return nil, nil, err
	}
	if out.Revisions, err = c.Revisions(ctx, &view.Target{SidecarSet: object}, ""); err != nil {
		errs = append(errs, err)
	}
	all := &v1beta1.SidecarSetList{}
	if err := c.List(ctx, all); err != nil {
		errs = append(errs, c.said(view.Ref{Kind: view.SidecarSet}, "list", err))
	}
	for i := range all.Items {
		// One that cannot be used says so in its own status.
		if other, err := sidecar.Compile(&all.Items[i]); err == nil && other.Name() != set.Name() {
			out.Sets = append(out.Sets, other)
		}
	}
	if out.Around, err = c.namespaces(ctx); err != nil {
		errs = append(errs, err)
	}
	return view.TreeOfSidecarSet(out, now), errs, nil
}

// namespaces reads the labels of all namespaces, and what the webhooks serve.
func (c *Cluster) namespaces(ctx context.Context) (map[string]*view.Surroundings, error) {
	list := &corev1.NamespaceList{}
	if err := c.List(ctx, list); err != nil {
		return nil, fmt.Errorf("cannot list namespaces: %w", err)
	}
	webhooks := &admissionv1.MutatingWebhookConfigurationList{}
	err := c.List(ctx, webhooks)
	if err != nil {
		err = fmt.Errorf("cannot list mutatingwebhookconfigurations: %w", err)
	}
	out := map[string]*view.Surroundings{}
	for i := range list.Items {
		out[list.Items[i].Name] = &view.Surroundings{Namespace: &list.Items[i], Webhooks: webhooks.Items, WebhooksUnread: err != nil}
	}
	return out, err
}

func (c *Cluster) treeOfSchedPatch(ctx context.Context, patch *v1alpha1.SchedPatch, now time.Time) (*view.Tree, []error, error) {
	subject, around, errs, err := c.Patched(ctx, patch)
	if err != nil {
		return nil, nil, err
	}
	if subject == nil { // its status says so
		return &view.Tree{Root: view.OfSchedPatch(patch)}, nil, nil
	}
	return view.TreeOfSchedPatch(patch, subject, around, now), errs, nil
}

// Patched reads the target of a SchedPatch, nil where there is none, and what decides over its Pods.
func (c *Cluster) Patched(ctx context.Context, patch *v1alpha1.SchedPatch) (*view.Subject, *view.Surroundings, []error, error) {
	target := &patch.Spec.TargetRef
	subject, err := c.subject(ctx, schema.FromAPIVersionAndKind(target.APIVersion, target.Kind), target.Name)
	if apierrors.IsNotFound(err) {
		return nil, nil, nil, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	around, errs := c.Surroundings(ctx, subject)
	return subject, around, errs, nil
}

// Nodes lists all nodes.
func (c *Cluster) Nodes(ctx context.Context) ([]*corev1.Node, error) {
	list := &corev1.NodeList{}
	if err := c.List(ctx, list); err != nil {
		return nil, fmt.Errorf("cannot list nodes: %w", err)
	}
	out := make([]*corev1.Node, len(list.Items))
	for i := range list.Items {
		out[i] = &list.Items[i]
	}
	return out, nil
}
