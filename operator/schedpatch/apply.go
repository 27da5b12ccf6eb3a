// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/operator/apply"
)

// writer is the part of a client that carries plans out.
type writer interface {
	Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error
}

// executor carries plans out. It is the only one that writes.
type executor struct{ writer writer }

// apply executes a plan. A patch is deleted only as the plan saw it: one whose end was moved meanwhile stays, and is
// looked at again.
func (e *executor) apply(ctx context.Context, plan *Plan) *Outcome {
	if plan.Delete == nil {
		return &Outcome{}
	}
	object := plan.Delete
	named := &v1alpha1.SchedPatch{ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}}
	err := e.writer.Delete(ctx, named, apply.Seen(object, true))
	switch {
	case err == nil:
		return &Outcome{Deleted: true}
	case apply.IsStale(err):
		return &Outcome{Stale: true}
	}
	return &Outcome{Err: fmt.Errorf("delete the expired SchedPatch %s/%s: %w", object.Namespace, object.Name, err)}
}
