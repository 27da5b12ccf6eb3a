// SPDX-License-Identifier: Apache-2.0

package read

import (
	"context"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// Surroundings reads what decides over the Pods of a namespace. What the user may not read is told as an error in the
// list, together with what could not be read of the subject, and is not known then.
func (c *Cluster) Surroundings(ctx context.Context, subject *view.Subject) (*view.Surroundings, []error) {
	out := &view.Surroundings{Templates: map[string]*view.Template{}}
	errs := slices.Clone(subject.Unread)
	note := func(err error) {
		if err != nil && !slices.ContainsFunc(errs, func(other error) bool { return other.Error() == err.Error() }) {
			errs = append(errs, err)
		}
	}
	namespace := &corev1.Namespace{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: subject.Namespace}, namespace); err != nil {
		note(fmt.Errorf("cannot read namespace %s, so its labels are not known: %w", subject.Namespace, err))
	} else {
		out.Namespace = namespace
	}
	sets := &v1beta1.SidecarSetList{}
	note(c.said(view.Ref{Kind: view.SidecarSet}, "list", c.List(ctx, sets)))
	patches := &v1alpha1.SchedPatchList{}
	note(c.said(view.Ref{Kind: view.SchedPatch}, "list", c.List(ctx, patches, client.InNamespace(subject.Namespace))))
	out.SidecarSets, out.SchedPatches = sets.Items, patches.Items
	webhooks := &admissionv1.MutatingWebhookConfigurationList{}
	if err := c.List(ctx, webhooks); err != nil {
		out.WebhooksUnread = true
		note(fmt.Errorf("cannot list mutatingwebhookconfigurations, so it is not known whether the webhooks serve namespace %s: %w",
			subject.Namespace, err))
	}
	out.Webhooks = webhooks.Items
	if len(out.SchedPatches) > 0 {
		for _, err := range c.targets(ctx, subject, out) {
			note(err)
		}
	}
	return out, errs
}

// targets reads what the SchedPatches of the subject's owners need besides: the live Pods of the namespace, and the
// templates.
func (c *Cluster) targets(ctx context.Context, subject *view.Subject, out *view.Surroundings) []error {
	all, err := c.pods(ctx, client.InNamespace(subject.Namespace))
	if err != nil {
		return []error{err}
	}
	chain := c.chains()
	out.Pods = chain.live(ctx, all)
	for i := range out.SchedPatches {
		target := &out.SchedPatches[i].Spec.TargetRef
		if !subject.BelongsTo(target) {
			continue
		}
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(schema.FromAPIVersionAndKind(target.APIVersion, target.Kind))
		// Without its template less is known of why a Pod was skipped, and nothing wrong.
		if err := c.Client.Get(ctx, client.ObjectKey{Namespace: subject.Namespace, Name: target.Name}, object); err == nil {
			out.Templates[out.SchedPatches[i].Name] = view.TemplateIn(object.Object)
		}
	}
	return chain.unread
}
