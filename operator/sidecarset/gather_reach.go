// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// survey looks at what no Pod tells: whether Pods that are recreated would get their sidecars, and the namespaces
// themselves.
func (g *gatherer) survey(ctx context.Context, s *Snapshot, reaches *reaches) (err error) {
	if s.Set.Spec.RepairPolicy == v1beta1.RepairRecreate && len(s.Uninjected) > 0 {
		if s.WebhookAway, err = g.webhook.away(ctx); err != nil {
			return err
		}
	}
	if only := s.Set.OnlyNamespace(); only != "" {
		reach, err := reaches.of(ctx, only)
		if err != nil {
			return err
		}
		s.Unserved = reach.unserved
	}
	if len(s.Matched)+len(s.Uninjected) > 0 {
		return nil
	}
	list := &corev1.NamespaceList{}
	if err := g.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	s.Namespaces.All = len(list.Items)
	for i := range list.Items {
		if s.Set.MatchesNamespace(list.Items[i].Name, list.Items[i].Labels) {
			s.Namespaces.Selected++
		}
	}
	return nil
}

// reach is how a set stands to a namespace.
type reach struct {
	labels   map[string]string
	selected bool
	// unserved says why no webhook serves the namespace's Pods, "" when one does.
	unserved string
}

// reaches tells which namespaces a set reaches, each read once.
type reaches struct {
	gatherer *gatherer
	set      *sidecar.Set
	known    map[string]*reach
}

func (r *reaches) of(ctx context.Context, namespace string) (*reach, error) {
	if known := r.known[namespace]; known != nil {
		return known, nil
	}
	out := &reach{}
	object := &corev1.Namespace{}
	err := r.gatherer.reader.Get(ctx, client.ObjectKey{Name: namespace}, object)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read namespace %s: %w", namespace, err)
	}
	if r.gatherer.excluded.Has(namespace) {
		out.unserved = "it is one of those that they leave out by name; use another namespace"
	} else if object.Labels[v1beta1.InjectionLabel] == v1beta1.InjectionDisabled {
		out.unserved = "its label " + v1beta1.InjectionLabel + " is " + v1beta1.InjectionDisabled + "; remove the label to have its Pods served"
	}
	out.labels = object.Labels
	out.selected = err == nil && r.set.MatchesNamespace(namespace, object.Labels)
	r.known[namespace] = out
	return out, nil
}
