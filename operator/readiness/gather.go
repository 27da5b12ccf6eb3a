// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// gatherer reads the cluster, through the cache.
type gatherer struct {
	reader client.Reader
	clock  clock.PassiveClock
}

// snapshot returns nil without an error when there is nothing to do about the Pod any more.
func (g *gatherer) snapshot(ctx context.Context, key types.NamespacedName) (*Snapshot, error) {
	pod := &corev1.Pod{}
	if err := g.reader.Get(ctx, key, pod); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if !pods.Live(pod) || !isOurs(pod) {
		return nil, nil
	}
	s := &Snapshot{Now: g.clock.Now(), Pod: pod}
	for _, name := range sidecar.OpenUpdates(pod) {
		usable, err := g.usable(ctx, name)
		if err != nil {
			return nil, err
		}
		if !usable {
			s.Left = append(s.Left, name)
		}
	}
	return s, nil
}

// usable reports whether there is a SidecarSet that sees to what it has left in Pods.
func (g *gatherer) usable(ctx context.Context, name string) (bool, error) {
	set := &v1beta1.SidecarSet{}
	if err := g.reader.Get(ctx, client.ObjectKey{Name: name}, set); client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("read SidecarSet %s: %w", name, err)
	}
	_, err := sidecar.Compile(set)
	return set.Name != "" && set.DeletionTimestamp == nil && err == nil, nil
}
