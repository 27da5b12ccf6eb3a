// SPDX-License-Identifier: Apache-2.0

package read

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/internal/revision"
)

// Target reads an object that is to be changed, or whose history is asked for.
func (c *Cluster) Target(ctx context.Context, ref view.Ref) (*view.Target, error) {
	if ref.Kind == view.SidecarSet {
		set := &v1beta1.SidecarSet{}
		return &view.Target{SidecarSet: set}, c.one(ctx, ref, set)
	}
	set := &v1beta1.StatefulSet{}
	return &view.Target{StatefulSet: set}, c.one(ctx, ref, set)
}

// Revisions lists the recorded revisions of an object, oldest first. Those of a StatefulSet are in its namespace, those
// of a SidecarSet in the operator's, which is looked for in all where it is not named.
func (c *Cluster) Revisions(ctx context.Context, target *view.Target, operatorNamespace string) ([]*appsv1.ControllerRevision, error) {
	options := []client.ListOption{client.InNamespace(target.Object().GetNamespace())}
	if target.SidecarSet != nil {
		options = []client.ListOption{
			client.InNamespace(operatorNamespace), client.MatchingLabels{v1beta1.SidecarSetNameLabel: target.SidecarSet.Name},
		}
	}
	list := &appsv1.ControllerRevisionList{}
	err := c.List(ctx, list, options...)
	if apierrors.IsForbidden(err) && target.SidecarSet != nil && operatorNamespace == "" {
		return nil, fmt.Errorf("the revisions of %s are kept in the operator's namespace, and you may not look for them in all; "+
			"name it with --operator-namespace: %w", target.Ref(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the revisions of %s: %w", target.Ref(), err)
	}
	var out []*appsv1.ControllerRevision
	for i := range list.Items {
		if metav1.IsControlledBy(&list.Items[i], target.Object()) {
			out = append(out, &list.Items[i])
		}
	}
	revision.Sort(out)
	return out, nil
}
