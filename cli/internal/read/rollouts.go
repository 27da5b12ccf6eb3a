// SPDX-License-Identifier: Apache-2.0

package read

import (
	"context"
	"time"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Rollouts reads the rows of objects, as Get finds them. Only of what rolls the Pods are read, for its pace. Kinds that
// the user may not list are told as errors in the list.
func (c *Cluster) Rollouts(ctx context.Context, refs []view.Ref, now time.Time) ([]*view.Rollout, []error, error) {
	objects, err := c.Get(ctx, refs)
	if err != nil {
		return nil, nil, err
	}
	var rows []*view.Rollout
	for i := range objects.SidecarSets {
		rows = append(rows, c.sidecarSetRow(ctx, &objects.SidecarSets[i], now))
	}
	for i := range objects.StatefulSets {
		rows = append(rows, c.statefulSetRow(ctx, &objects.StatefulSets[i], now))
	}
	for i := range objects.SchedPatches {
		rows = append(rows, view.OfSchedPatch(&objects.SchedPatches[i]))
	}
	return rows, objects.NotReadable, nil
}

// sidecarSetRow has no estimate where the user may not list the Pods.
func (c *Cluster) sidecarSetRow(ctx context.Context, object *v1beta1.SidecarSet, now time.Time) *view.Rollout {
	row := view.OfSidecarSet(object)
	set, err := sidecar.Compile(object)
	if err != nil || !row.Rolling() {
		return row
	}
	if pods, err := c.Selected(ctx, set); err == nil {
		row.Estimate(now, view.SidecarTimes(set, pods))
	}
	return row
}

func (c *Cluster) statefulSetRow(ctx context.Context, set *v1beta1.StatefulSet, now time.Time) *view.Rollout {
	row := view.OfStatefulSet(set)
	if !row.Rolling() {
		return row
	}
	if pods, err := c.Controlled(ctx, set); err == nil {
		row.Estimate(now, view.UpdateTimes(set, pods))
	}
	return row
}
