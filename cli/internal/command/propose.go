// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/offline"
	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// applier is under which name kubectl apply writes.
const applier = "kubectl-client-side-apply"

// proposal is a change that is checked, and written nowhere.
type proposal struct {
	cli     *cli
	cluster *read.Cluster
	// manifest is the object of the file, at its place.
	document *offline.Document
	manifest *unstructured.Unstructured
	before   *unstructured.Unstructured
	// patch leads from before to what kubectl apply would store, nil when nothing would change.
	patch []byte
}

// propose finds out what would be stored, and whether it would: by a dry run where the user has the right to it and the
// object's namespace is there, else as lint does. The preview says what came of it; of what would be refused there is no
// more.
func (c *cli) propose(
	ctx context.Context, cluster *read.Cluster, document *offline.Document,
) (*view.Proposal, *view.Preview, error) {
	p := &proposal{cli: c, cluster: cluster, document: document, manifest: document.Object.DeepCopy()}
	kind := view.KindOf(p.manifest)
	if p.manifest.GetName() == "" {
		return nil, nil, fmt.Errorf("%s: metadata.name: a %s without a name cannot be previewed; give it one", document.File, kind.Title())
	}
	if kind.Namespaced() && p.manifest.GetNamespace() == "" {
		p.manifest.SetNamespace(cluster.Scope.Namespace)
	}
	var err error
	if p.before, err = cluster.Stored(ctx, p.manifest); err != nil {
		return nil, nil, err
	}
	if p.before != nil {
		if p.patch, err = view.Patch(p.before, p.manifest); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", document.File, err)
		}
	}
	out := &view.Preview{Kind: kind, Namespace: p.manifest.GetNamespace(), Name: p.manifest.GetName(), CheckedBy: view.APIServer}
	after, err := p.dryRun(ctx)
	if why := p.unasked(ctx, err, out.Ref()); why != "" {
		c.warn(fmt.Errorf("%s, so neither the API server nor the webhooks were asked; it was checked as lint checks it, "+
			"without what they say of changes", why))
		out.CheckedBy = view.Offline
		after, err = p.offline(ctx, out)
	}
	switch {
	case refusal(err) != "":
		out.Refused = refusal(err)
		return nil, out, nil
	case err != nil || out.Refused != "":
		return nil, out, err
	}
	proposed := &view.Proposal{Kind: kind, Before: p.before, After: after}
	out.Action = proposed.Action()
	return proposed, out, nil
}

// dryRun has the API server do everything but to store the change. It is applied as it was applied last.
func (p *proposal) dryRun(ctx context.Context) (*unstructured.Unstructured, error) {
	object := view.Wanted(p.manifest)
	if p.before == nil {
		return object, p.cluster.Create(ctx, object, client.DryRunAll, strictly, client.FieldOwner(applier))
	}
	if manager := view.ServerSideApplier(p.before); manager != "" {
		data, err := object.MarshalJSON()
		if err != nil {
			return nil, err
		}
		return object, p.cluster.Patch(ctx, object, client.RawPatch(types.ApplyPatchType, data),
			client.DryRunAll, strictly, client.FieldOwner(manager), client.ForceOwnership)
	}
	if p.patch == nil {
		return p.before.DeepCopy(), nil
	}
	return object, p.cluster.Patch(ctx, object, client.RawPatch(types.MergePatchType, p.patch),
		client.DryRunAll, strictly, client.FieldOwner(applier))
}

// strictly has unknown fields refused, as kubectl asks for.
const strictly = client.FieldValidation(metav1.FieldValidationStrict)

// unasked says why nobody could be asked, "" when the error is about the change itself.
func (p *proposal) unasked(ctx context.Context, err error, ref view.Ref) string {
	switch {
	case p.forbidden(ctx, err):
		return fmt.Sprintf("you may not write %s", ref)
	case p.before == nil && isNotFound(err, "namespaces"):
		return fmt.Sprintf("namespace %s of %s does not exist yet", p.manifest.GetNamespace(), ref)
	}
	return ""
}

// isNotFound reports whether an error says that there is no such object of a resource.
func isNotFound(err error, resource string) bool {
	status := apierrors.APIStatus(nil)
	return apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == resource
}

// forbidden reports whether the user has no right to the dry run. Webhooks and policies say Forbidden too, of the change.
func (p *proposal) forbidden(ctx context.Context, err error) bool {
	if !apierrors.IsForbidden(err) {
		return false
	}
	verb := "patch"
	if p.before == nil {
		verb = "create"
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Group: v1beta1.GroupVersion.Group, Resource: view.KindOf(p.manifest).Plural(),
			Namespace: p.manifest.GetNamespace(), Name: p.manifest.GetName(),
		},
	}}
	return p.cluster.Create(ctx, review) == nil && !review.Status.Allowed
}

// refusal is why a change would not be taken, "" when that is not what an error says.
func refusal(err error) string {
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) {
		return err.Error()
	}
	return ""
}

// offline checks the change without the API server.
func (p *proposal) offline(ctx context.Context, out *view.Preview) (*unstructured.Unstructured, error) {
	after := p.manifest.DeepCopy()
	if p.before != nil {
		after = p.before.DeepCopy()
	}
	if p.patch != nil {
		merged, err := merge(p.before, p.patch)
		if err != nil {
			return nil, err
		}
		after = merged
	}
	documents, err := p.labels(ctx)
	if err != nil {
		return nil, err
	}
	documents = append(documents, &offline.Document{File: p.document.File, Object: after, Doubled: p.document.Doubled})
	linted, err := offline.Lint(ctx, documents, offline.LintOptions{
		Options: offline.Options{Namespace: p.cluster.Scope.Namespace, Now: p.cli.Now()},
	})
	if err != nil {
		return nil, err
	}
	out.Warnings, out.Refused = linted[0].Warnings, strings.Join(linted[0].Errors, "\n")
	return after, nil
}

// labels are those of the object's namespace, as lint takes them.
func (p *proposal) labels(ctx context.Context) ([]*offline.Document, error) {
	name := p.manifest.GetNamespace()
	if name == "" {
		return nil, nil
	}
	namespace := &unstructured.Unstructured{}
	namespace.SetAPIVersion("v1")
	namespace.SetKind("Namespace")
	err := p.cluster.Client.Get(ctx, client.ObjectKey{Name: name}, namespace)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	return []*offline.Document{{Object: namespace}}, err
}

// merge applies a merge patch.
func merge(before *unstructured.Unstructured, patch []byte) (*unstructured.Unstructured, error) {
	data, err := before.MarshalJSON()
	if err != nil {
		return nil, err
	}
	if data, err = jsonpatch.MergePatch(data, patch); err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{}
	err = out.UnmarshalJSON(data)
	return out, err
}
